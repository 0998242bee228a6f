//! The parent half: starts the launcher, opens sandboxes, receives their events.

use super::cgroup::{Cgroup, Cgroups};
use super::engine::Line;
use super::error::SandboxError;
use super::inside::Inside;
use super::kind::For;
use super::launcher::launch;
use super::message::{Death, Open, Up};
use super::wire::Wire;
use crate::event::{Answered, Event, LiveAsk, Order, PendingWhy, Stop};
use crate::lab::Place;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The extra time in which an engine may report that its deadline has passed. It
/// knows better than the parent where the script was.
const GRACE: Duration = Duration::from_millis(500);

/// The extra time beyond its budget of a search that is at its last cure and
/// probe.
const INQUIRY: Duration = Duration::from_secs(25);

/// The time limit for a sandbox to get ready, on a very busy machine.
const SETUP: Duration = Duration::from_secs(60);

/// The process that forks an engine for each lab.
#[derive(Debug)]
pub struct Launcher {
    control: Option<Wire>,
    pid: Pid,
    /// The cgroups for strangers' sandboxes, or the reason why there are none.
    cgroups: Option<Result<Arc<Cgroups>, String>>,
}

impl Launcher {
    /// Forks a launcher of sandboxes for this kind of labs. Each engine runs `script`
    /// with its own copy of what is `prepared`.
    ///
    /// Start it before any other thread: a fork copies only the calling thread,
    /// and this one must live as long as the process (`PR_SET_PDEATHSIG` of
    /// prctl(2)).
    ///
    /// # Errors
    ///
    /// If there is a second thread already, or no process can be forked.
    pub fn start<P>(
        sandboxes: For,
        prepared: &mut P,
        script: impl FnOnce(&mut P, Order, Inside, Line) + Copy,
    ) -> Result<Self, SandboxError> {
        let step = "start the sandbox's launcher";
        if threads() != 1 {
            let step = format!("{step}: this process has threads already; start it first thing in `main`");
            return Err(SandboxError::new(step, Errno::EINVAL));
        }
        // Early, before the first capture needs it.
        crate::net::stamp_packets();
        let (ours, theirs) = Wire::pair().map_err(|error| SandboxError::io(step, &error))?;
        let parent = getpid();
        // SAFETY: this process has one thread.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                drop(ours);
                launch(theirs, parent, sandboxes, prepared, script)
            }
            Ok(ForkResult::Parent { child }) => {
                let cgroups = (sandboxes == For::Strangers).then(Cgroups::new);
                Ok(Self { control: Some(ours), pid: child, cgroups })
            }
            Err(errno) => Err(SandboxError::new(step, errno)),
        }
    }

    /// Opens a fresh sandbox, which prepares itself while the caller goes on.
    ///
    /// # Errors
    ///
    /// If the launcher is gone.
    pub fn open(&self) -> Result<Sandbox, SandboxError> {
        let failed = |error: io::Error| SandboxError::io("reach the sandbox's launcher", &error);
        let (ours, theirs) = Wire::pair().map_err(failed)?;
        let control = self.control.as_ref().expect("taken by drop alone");
        // Without a cgroup, the other limits hold.
        let cgroup = self.cgroups.as_ref().and_then(|all| all.as_ref().ok()?.make().ok());
        let share = cgroup.as_ref().map(|cgroup| cgroup.share.descriptors());
        let fds: Vec<BorrowedFd> = [theirs.as_fd()].into_iter().chain(share.into_iter().flatten()).collect();
        control.send_with(&Open, &fds).map_err(failed)?;
        Ok(Sandbox {
            wire: ours,
            _cgroup: cgroup,
            waiting: VecDeque::new(),
            standing: false,
            own_user: false,
            ordered: None,
            place: Place::default(),
            died: None,
        })
    }

    /// The reason why sandboxes for strangers have no cgroup of their own, if they have
    /// none.
    pub fn lacks_cgroups(&self) -> Option<&str> {
        self.cgroups.as_ref()?.as_ref().err().map(String::as_str)
    }

    /// Kills the launcher and with it every sandbox, at once.
    pub fn abandon(&self) {
        let _ = kill(self.pid, Signal::SIGKILL);
    }
}

impl Drop for Launcher {
    /// Waits until the launcher and all its engines are gone.
    fn drop(&mut self) {
        drop(self.control.take());
        while let Err(Errno::EINTR) = waitpid(self.pid, None) {}
    }
}

/// The number of threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// A sandbox for one lab. Dropping it ends the lab.
#[derive(Debug)]
pub struct Sandbox {
    wire: Wire,
    /// Its cgroup, if any.
    _cgroup: Option<Cgroup>,
    waiting: VecDeque<Up>,
    standing: bool,
    own_user: bool,
    /// The path of the ordered lab.
    ordered: Option<String>,
    place: Place,
    died: Option<Death>,
}

impl Sandbox {
    /// Waits until the sandbox is ready.
    ///
    /// # Errors
    ///
    /// If it can't be created; the error has the kernel's reason.
    pub fn await_standing(&mut self) -> Result<(), SandboxError> {
        let lost = |errno| SandboxError::new("reach the sandbox", errno);
        while !self.standing {
            match self.next(Instant::now() + SETUP) {
                Ok(Next::Up(Up::Standing { own_user })) => (self.standing, self.own_user) = (true, own_user),
                Ok(Next::Up(Up::NoSandbox(error))) => return Err(error),
                Ok(Next::TooLate) => return Err(lost(Errno::ETIMEDOUT)),
                Err(error) => return Err(SandboxError::io("reach the sandbox", &error)),
                Ok(_) => return Err(lost(Errno::EPIPE)),
            }
        }
        Ok(())
    }

    /// Tells whether it runs as a user of its own. Known once it is ready.
    pub fn has_own_user(&self) -> bool {
        self.own_user
    }

    /// Sends the order for a lab ahead, so that it begins as soon as the sandbox
    /// is ready.
    ///
    /// # Panics
    ///
    /// If another lab was ordered here: a sandbox is for one.
    pub fn order(&mut self, order: &Order) {
        self.order_with(order, &[]);
    }

    /// Does the same for a lab in which a person works, on this terminal.
    ///
    /// # Panics
    ///
    /// If another lab was ordered here: a sandbox is for one.
    pub fn order_on(&mut self, order: &Order, terminal: BorrowedFd) {
        self.order_with(order, &[terminal]);
    }

    fn order_with(&mut self, order: &Order, fds: &[BorrowedFd]) {
        match &self.ordered {
            Some(path) => assert_eq!(path, &order.path, "a sandbox is for one lab"),
            None => {
                self.ordered = Some(order.path.clone());
                // If the sandbox has failed, its last message says why.
                let _ = self.wire.send_with(order, fds);
            }
        }
    }

    /// Runs a lab, and hands over each event as it comes. The last one is
    /// [`Event::Ended`] or [`Event::Stopped`].
    ///
    /// # Panics
    ///
    /// If another lab was ordered here before.
    ///
    /// # Errors
    ///
    /// If there is no sandbox to run it in.
    pub fn run(&mut self, order: &Order, hear: impl FnMut(Event)) -> Result<(), SandboxError> {
        self.run_with(order, hear, |_| None)
    }

    /// Does the same, and `answer` answers the script's questions of why.
    ///
    /// # Panics
    ///
    /// If another lab was ordered here before.
    ///
    /// # Errors
    ///
    /// If there is no sandbox to run it in.
    pub fn run_with(
        &mut self,
        order: &Order,
        hear: impl FnMut(Event),
        answer: impl FnMut(&PendingWhy) -> Option<Answered>,
    ) -> Result<(), SandboxError> {
        self.run_live(order, hear, answer, |_| String::new())
    }

    /// Does the same for a lab in which a person works, on the terminal that was
    /// sent with the order ([`Sandbox::order_on`]). `serve` answers that person's
    /// questions.
    ///
    /// # Panics
    ///
    /// If another lab was ordered here before.
    ///
    /// # Errors
    ///
    /// If there is no sandbox to run it in.
    pub fn run_live(
        &mut self,
        order: &Order,
        mut hear: impl FnMut(Event),
        mut answer: impl FnMut(&PendingWhy) -> Option<Answered>,
        mut serve: impl FnMut(&LiveAsk) -> String,
    ) -> Result<(), SandboxError> {
        let lost = |error: io::Error| SandboxError::io("reach the sandbox", &error);
        self.order(order);
        self.await_standing()?;
        let inquiry = order
            .inquiry
            .as_ref()
            .map_or(Duration::ZERO, |inquiry| Duration::from_millis(inquiry.budget_ms) + INQUIRY);
        let submission = order.submission.as_ref().map_or(0, |submission| submission.timeout_ms);
        let time = Duration::from_millis(order.timeout_ms.saturating_add(submission));
        let mut deadline = Instant::now() + time + inquiry + GRACE;
        loop {
            let event = match self.next(deadline).map_err(lost)? {
                Next::Up(Up::Event(event)) => *event,
                Next::Up(Up::NoSandbox(error)) => return Err(error),
                Next::Up(Up::Standing { .. }) => continue,
                Next::Up(Up::Died(death)) => {
                    self.died = Some(death);
                    continue;
                }
                Next::TooLate => {
                    let (place, timeout_ms) = (self.place, order.timeout_ms);
                    Event::Stopped(Stop::Deadline { place, timeout_ms })
                }
                Next::Closed => Event::Stopped(self.post_mortem()),
            };
            match &event {
                Event::Live(ask) => {
                    let said = serve(ask);
                    self.wire.send(&said).map_err(lost)?;
                }
                Event::WhyAsked(pending_why) => {
                    let began = Instant::now();
                    let found = answer(pending_why);
                    deadline += began.elapsed();
                    self.wire.send(&found).map_err(lost)?;
                }
                Event::Step { place, .. } | Event::Note { place, .. } => self.place = *place,
                Event::Acted(action) => self.place = action.place,
                Event::Ran(ran) => self.place = ran.place,
                Event::Asked(question) => self.place = question.place,
                Event::Expected(expectation) => self.place = expectation.place,
                _ => {}
            }
            let last = matches!(event, Event::Ended | Event::Stopped(_));
            hear(event);
            if last {
                return Ok(());
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> io::Result<Next> {
        loop {
            if let Some(up) = self.waiting.pop_front() {
                return Ok(Next::Up(up));
            }
            if !self.wire.wait_until(deadline)? {
                return Ok(Next::TooLate);
            }
            match self.wire.receive::<Vec<Up>>()? {
                Some(more) => self.waiting.extend(more),
                None => return Ok(Next::Closed),
            }
        }
    }

    /// Returns the cause of death of an engine that ended without a report.
    fn post_mortem(&self) -> Stop {
        match &self.died {
            // Rust aborts if memory runs out.
            Some(Death::Signal(signal)) if signal == "SIGABRT" => Stop::Fault(crate::event::Fault {
                helper: None,
                place: self.place,
                message: "the script ran out of memory (1 GiB)".into(),
                command: None,
                hint: None,
            }),
            Some(Death::Signal(signal)) => Stop::Bug(format!("the lab's engine was killed by {signal}")),
            Some(Death::Code(code)) => Stop::Bug(format!("the lab's engine ended with code {code}")),
            None => Stop::Bug("the lab's engine is gone".into()),
        }
    }
}

enum Next {
    Up(Up),
    Closed,
    TooLate,
}
