//! The child half, second part: the process that runs one lab. It stays outside
//! the namespaces that it acts on.

use super::cgroup::Share;
use super::error::SandboxError;
use super::init;
use super::inside::Inside;
use super::message::Up;
use super::process::{die_with_parent, end};
use super::users::Users;
use super::wire::{Wire, wait_readable};
use crate::event::{Answered, Event, LiveAsk, Order, PendingWhy, Stop};
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::unistd::Pid;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The memory limit of an engine, in bytes: a script's values live there.
const MEMORY: u64 = 1 << 30;

/// Runs `script` in a fresh sandbox and ends the process.
pub(super) fn run<P>(
    line: Wire,
    (users, nth): (Users, u32),
    share: Option<Share>,
    prepared: &mut P,
    script: impl FnOnce(&mut P, Order, Inside, Line),
) -> ! {
    let user = users.become_one(nth);
    // A change of user resets this.
    die_with_parent();
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    let started = user.and_then(|own_user| Ok((own_user, start_init(share)?)));
    let (own_user, inside) = match started {
        Ok(started) => started,
        Err(error) => refuse(&line, error),
    };
    let init = inside.init();
    if let Err(error) = inside.await_house() {
        refuse(&line, error);
    }
    let _ = line.send(&[Up::Standing { own_user }]);
    // The parent may still be reading the lab.
    let Ok(Some((order, mut fds))) = line.receive_with::<Order>() else { end_with(init) };
    let _ = setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY);

    let linger = order.linger;
    let line = Line::new(line, order.watched, fds.pop());
    let told = line.clone();
    let panic = note_panics();
    if catch_unwind(AssertUnwindSafe(|| script(prepared, order, inside, told))).is_err() {
        line.emit(Event::Stopped(Stop::Bug(panic.take())));
    }
    line.flush();
    // The lab's programs end with it. Its namespaces may stay until the parent
    // releases them: removing many at once costs the kernel little more than a
    // few.
    let _ = kill(init, Signal::SIGKILL);
    if linger {
        line.await_hang_up();
    }
    end_with(init)
}

/// Keeps the message of a panic, for the parent.
fn note_panics() -> Rc<RefCell<String>> {
    thread_local! {
        static SAID: Rc<RefCell<String>> = Rc::default();
    }
    std::panic::set_hook(Box::new(|panic| {
        SAID.with(|said| *said.borrow_mut() = panic.to_string());
    }));
    SAID.with(Rc::clone)
}

/// Starts PID 1 of the inner namespaces.
fn start_init(share: Option<Share>) -> Result<Inside, SandboxError> {
    let (ours, theirs) = Wire::pair().map_err(|error| SandboxError::io("make a socket pair", &error))?;
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC;
    // SAFETY: clone(2) without CLONE_VM is a fork, and this process has one
    // thread. glibc's wrapper needs a stack, so this is the raw call.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize) };
    match pid {
        0 => {
            drop(ours);
            init::run(theirs)
        }
        pid if pid > 0 => Ok(Inside::new(ours, Pid::from_raw(pid as i32), share)),
        _ => {
            Err(SandboxError::new("create user, pid, mount, net, uts and ipc namespaces", nix::Error::last()))
        }
    }
}

fn refuse(line: &Wire, error: SandboxError) -> ! {
    let _ = line.send(&[Up::NoSandbox(error)]);
    end()
}

/// Ends the lab's processes and this one. Their namespaces end with them, and the
/// launcher reaps both.
fn end_with(init: Pid) -> ! {
    let _ = kill(init, Signal::SIGKILL);
    // No destructor needs to run here; the kernel removes everything that the script
    // has built.
    end()
}

/// The line to the parent, which carries events.
///
/// Events wait here until there are many, until something slow begins, or until
/// the end. If the front end watches, they are sent at once.
#[derive(Debug, Clone)]
pub struct Line(Rc<Waiting>);

#[derive(Debug)]
struct Waiting {
    wire: Wire,
    watched: bool,
    events: RefCell<Vec<Up>>,
    gone: Cell<bool>,
    terminal: RefCell<Option<OwnedFd>>,
}

/// The most events that wait.
const BATCH: usize = 64;

impl Line {
    fn new(wire: Wire, watched: bool, terminal: Option<OwnedFd>) -> Self {
        let (events, gone, terminal) = (RefCell::default(), Cell::new(false), RefCell::new(terminal));
        Self(Rc::new(Waiting { wire, watched, events, gone, terminal }))
    }

    /// Returns the terminal of the person who works in the lab, once.
    pub fn terminal(&self) -> Option<OwnedFd> {
        self.0.terminal.take()
    }

    /// Passes on a question of the person at work, and waits for the answer.
    pub fn ask(&self, ask: LiveAsk) -> Option<String> {
        self.emit(Event::Live(ask));
        self.flush();
        self.0.wire.receive().ok().flatten()
    }

    /// Reports an event.
    pub fn emit(&self, event: Event) {
        self.0.events.borrow_mut().push(Up::Event(Box::new(event)));
        if self.0.watched || self.0.events.borrow().len() >= BATCH {
            self.flush();
        }
    }

    /// Passes on a question that only the parent can answer, and waits for the
    /// answer.
    pub fn ask_why(&self, pending_why: PendingWhy) -> Option<Answered> {
        self.emit(Event::WhyAsked(Box::new(pending_why)));
        self.flush();
        self.0.wire.receive().ok().flatten()
    }

    /// Waits until the parent closes the line.
    fn await_hang_up(&self) {
        let _ = wait_readable(self.0.wire.as_fd(), None);
    }

    /// Sends the waiting events.
    pub fn flush(&self) {
        let events = self.0.events.take();
        if !events.is_empty() && !self.0.gone.get() && self.0.wire.send(&events).is_err() {
            // Nobody is left to hear them; the launcher is about to kill this
            // process.
            self.0.gone.set(true);
        }
    }
}
