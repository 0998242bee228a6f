//! The parent half: starts the launcher, opens sandboxes, hears their events.

use super::launcher::{ARGUMENT, Death, Up};
use super::wire::Wire;
use super::SandboxError;
use crate::event::{Event, Order, Stop};
use crate::lab::Place;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Asks the launcher for an engine, whose socket comes along.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Open;

/// How much longer than its deadline an engine may take to say that the
/// deadline has passed. It knows better than we where the script was.
const GRACE: Duration = Duration::from_millis(500);

/// How long a sandbox may take to stand, on a machine that is very busy.
const SETUP: Duration = Duration::from_secs(60);

/// The process that forks an engine for each lab.
///
/// Start it before any other thread: it must be forked by a thread that lives
/// as long as the process (`PR_SET_PDEATHSIG` of prctl(2)).
#[derive(Debug)]
pub struct Launcher {
    control: Option<Wire>,
    child: Mutex<Child>,
}

impl Launcher {
    /// Executes this binary again as a launcher.
    ///
    /// # Errors
    ///
    /// Where no process can be started.
    pub fn start() -> Result<Self, SandboxError> {
        let failed = |error: io::Error| SandboxError::io("start the sandbox's launcher", &error);
        let (ours, theirs) = Wire::pair().map_err(failed)?;
        let child = Command::new("/proc/self/exe")
            .arg0("nslab-sandbox")
            .arg(ARGUMENT)
            .arg(std::process::id().to_string())
            .env_clear()
            .stdin(theirs.into_fd())
            .stdout(Stdio::null())
            .spawn()
            .map_err(failed)?;
        Ok(Self { control: Some(ours), child: Mutex::new(child) })
    }

    /// Opens a fresh sandbox, which makes itself ready while the caller goes
    /// on.
    ///
    /// # Errors
    ///
    /// Where the launcher is gone.
    pub fn open(&self) -> Result<Sandbox, SandboxError> {
        let failed = |error: io::Error| SandboxError::io("reach the sandbox's launcher", &error);
        let (ours, theirs) = Wire::pair().map_err(failed)?;
        let control = self.control.as_ref().expect("taken by drop alone");
        control.send_with(&Open, &[theirs.as_fd()]).map_err(failed)?;
        let (waiting, place) = (VecDeque::new(), Place::default());
        Ok(Sandbox { wire: ours, waiting, standing: false, place, died: None })
    }
}

impl Drop for Launcher {
    /// Waits until the launcher and all its engines are gone.
    fn drop(&mut self) {
        drop(self.control.take());
        if let Ok(child) = self.child.get_mut() {
            let _ = child.wait();
        }
    }
}

/// A sandbox for one lab. Dropping it ends the lab.
#[derive(Debug)]
pub struct Sandbox {
    wire: Wire,
    waiting: VecDeque<Up>,
    standing: bool,
    place: Place,
    died: Option<Death>,
}

impl Sandbox {
    /// Waits until the sandbox stands.
    ///
    /// # Errors
    ///
    /// Where it can't be had, which the kernel's word explains.
    pub fn await_standing(&mut self) -> Result<(), SandboxError> {
        let lost = |errno| SandboxError::new("reach the sandbox", errno);
        while !self.standing {
            match self.next(Instant::now() + SETUP) {
                Ok(Next::Up(Up::Standing)) => self.standing = true,
                Ok(Next::Up(Up::NoSandbox(error))) => return Err(error),
                Ok(Next::TooLate) => return Err(lost(Errno::ETIMEDOUT)),
                Err(error) => return Err(SandboxError::io("reach the sandbox", &error)),
                Ok(_) => return Err(lost(Errno::EPIPE)),
            }
        }
        Ok(())
    }

    /// Runs a lab, and hands over each event as it comes. The last one is
    /// [`Event::Ended`] or [`Event::Stopped`].
    ///
    /// # Errors
    ///
    /// Where there is no sandbox to run it in.
    pub fn run(&mut self, order: &Order, mut hear: impl FnMut(Event)) -> Result<(), SandboxError> {
        let lost = |error: io::Error| SandboxError::io("reach the sandbox", &error);
        self.await_standing()?;
        self.wire.send(order).map_err(lost)?;
        let deadline = Instant::now() + Duration::from_millis(order.timeout_ms) + GRACE;
        loop {
            let event = match self.next(deadline).map_err(lost)? {
                Next::Up(Up::Event(event)) => *event,
                Next::Up(Up::NoSandbox(error)) => return Err(error),
                Next::Up(Up::Standing) => continue,
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
                Event::Step { place, .. } | Event::Note { place, .. } => self.place = *place,
                Event::Acted(action) => self.place = action.place,
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

    /// Says what an engine that went without a word died of.
    fn post_mortem(&self) -> Stop {
        match &self.died {
            // Rust aborts where memory runs out.
            Some(Death::Signal(signal)) if signal == "SIGABRT" => Stop::Fault(crate::event::Fault {
                helper: None,
                place: self.place,
                message: "the script ran out of memory (1 GiB)".into(),
                command: None,
                hint: None,
            }),
            Some(Death::Signal(signal)) => {
                Stop::Bug(format!("the lab's engine was killed by {signal}"))
            }
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
