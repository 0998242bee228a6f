//! The child half, first part: a fork of the process that asked, which forks
//! an engine for each lab.

use super::cgroup::Share;
use super::engine::{self, Line};
use super::parent::Open;
use super::users::{self, Users};
use super::wire::Wire;
use super::{For, Inside, SandboxError, house};
use crate::event::Order;
use nix::fcntl::{self, OFlag};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What comes up a lab's socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Up {
    /// Something that the script did, asked or expected.
    Event(Box<crate::event::Event>),
    /// The sandbox stands and was looked at; it waits for its order. Says whether it
    /// runs as a user of its own.
    Standing { own_user: bool },
    /// There is no sandbox to run it in.
    NoSandbox(SandboxError),
    /// The engine died before its time.
    Died(Death),
}

/// How an engine died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Death {
    /// Killed by a signal, of this name.
    Signal(String),
    /// Ended by itself with this code.
    Code(i32),
}

/// An engine at work: our copy of its end of the lab's socket, and whether it
/// was killed because nobody listens at the other one.
struct Engine {
    line: Wire,
    killed: bool,
}

type Engines = HashMap<Pid, Engine>;

/// Runs as a launcher until the parent closes the socket.
///
/// `script` runs in each engine, with a copy of what is `prepared`: an engine
/// is a fork.
///
/// Never returns: ends the process.
pub(super) fn launch<P>(
    control: Wire,
    parent: Pid,
    sandboxes: For,
    prepared: &mut P,
    script: impl FnOnce(&mut P, Order, Inside, Line) + Copy,
) -> ! {
    let entered = enter(&control, parent, sandboxes);
    let mut engines = Engines::new();
    // Concurrent launchers start with different users.
    let mut nth = std::process::id();
    let Ok(deaths) = Deaths::watch() else { exit() };

    loop {
        reap(&mut engines);
        match deaths.or_message(&control, &mut engines) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(_) => break,
        }
        let Ok(Some((Open, mut fds))) = control.receive_with::<Open>() else { break };
        if fds.is_empty() {
            break;
        }
        let line = Wire::new(fds.remove(0));
        let share = Share::from_descriptors(fds);
        let users = match &entered {
            Ok(users) => *users,
            Err(error) => {
                let _ = line.send(&[Up::NoSandbox(error.clone())]);
                continue;
            }
        };
        nth = nth.wrapping_add(1);
        // SAFETY: this process has one thread.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                drop((control, deaths, engines));
                engine::run(line, (users, nth), share, prepared, script);
            }
            Ok(ForkResult::Parent { child }) => {
                engines.insert(child, Engine { line, killed: false });
            }
            Err(errno) => {
                let _ = line.send(&[Up::NoSandbox(SandboxError::new("fork a process", errno))]);
            }
        }
    }
    // The parent is done or gone. Engines still at work have nobody to tell.
    for engine in engines.keys() {
        let _ = kill(*engine, Signal::SIGKILL);
    }
    // Also for the inits that they leave here: nothing is left when we are gone.
    while !matches!(waitpid(None, None), Err(nix::Error::ECHILD)) {}
    exit()
}

/// Ends this process without a word: destructors and exit handlers are the
/// parent's, of which it is a copy.
fn exit() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}

/// Becomes nobody special, then root of a user namespace of its own.
fn enter(control: &Wire, parent: Pid, sandboxes: For) -> Result<Users, SandboxError> {
    let_go_of_the_parent(control)?;
    let users = users::enter_namespace(sandboxes)?;
    house::lock_machine()?;
    // Whom an engine leaves behind when it is killed comes to us.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    // Set last: a change of user or capabilities takes it back.
    die_with_parent();
    // Where the parent died before that, nobody tells us any more.
    if getppid() != parent {
        exit();
    }
    Ok(users)
}

/// Keeps nothing of the parent's but the socket: who reads what it prints must
/// not wait for us, and what there is to say the parent says.
fn let_go_of_the_parent(control: &Wire) -> Result<(), SandboxError> {
    let step = "let go of the parent's descriptors";
    let null = fcntl::open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| SandboxError::new(step, errno))?;
    // SAFETY: the standard streams belong to nobody here, and no value of
    // this process but `control` has another descriptor that it will use.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"nslab-sandbox".as_ptr());
        libc::dup2(null.as_raw_fd(), 0);
        libc::dup2(null.as_raw_fd(), 1);
        libc::dup2(null.as_raw_fd(), 2);
    }
    drop(null);
    give_up_terminal();
    close_all_but(control.as_fd().as_raw_fd());
    Ok(())
}

/// Gives up the terminal of who has started us, so that `/dev/tty` leads nobody
/// below there (`TIOCNOTTY` of ioctl_tty(2)).
///
/// A session of our own would do the same. But the kernel schedules each session
/// as a group (`sched_autogroup_enabled`), and on a busy machine whoever waits
/// for somebody of another group waits longer.
fn give_up_terminal() {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    if let Ok(terminal) = fcntl::open("/dev/tty", flags, Mode::empty()) {
        // SAFETY: takes no argument.
        unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY) };
    }
}

/// Closes every descriptor above the standard streams, but one.
pub(super) fn close_all_but(kept: RawFd) {
    close_all_but_these([kept]);
}

/// The same, but some.
pub(super) fn close_all_but_these<const N: usize>(mut kept: [RawFd; N]) {
    kept.sort_unstable();
    let mut first = 3;
    for kept in kept.map(|kept| kept as u32) {
        if kept > first {
            close_from_to(first, kept - 1);
        }
        first = first.max(kept + 1);
    }
    close_from_to(first, u32::MAX);
}

fn close_from_to(first: u32, last: u32) {
    // SAFETY: the values that own these descriptors belong to the process of
    // which this one is a copy; here they are neither used nor dropped.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0u32) };
}

/// Has the kernel kill this process when the thread that forked it ends.
pub(super) fn die_with_parent() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Takes note of engines that have ended, and tells their labs where that was
/// before their time.
fn reap(engines: &mut Engines) {
    loop {
        let (pid, death) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, 0)) => (pid, None),
            Ok(WaitStatus::Exited(pid, code)) => (pid, Some(Death::Code(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Some(Death::Signal(signal.as_str().into()))),
            Ok(WaitStatus::StillAlive) => return,
            Ok(_) | Err(nix::Error::EINTR) => continue,
            Err(_) => {
                engines.clear();
                return;
            }
        };
        if let (Some(engine), Some(death)) = (engines.remove(&pid), death) {
            let _ = engine.line.send(&[Up::Died(death)]);
        }
    }
}

/// Wakes the launcher when an engine has ended.
struct Deaths(OwnedFd);

impl Deaths {
    fn watch() -> io::Result<Self> {
        use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
        let mut child = SigSet::empty();
        child.add(Signal::SIGCHLD);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&child), None)?;
        // SAFETY: the set lives through the call; the descriptor is new.
        unsafe {
            let fd = libc::signalfd(-1, child.as_ref(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(OwnedFd::from_raw_fd(fd))) }
        }
    }

    /// Waits for a message (true) or for something else (false). An engine
    /// whose lab nobody waits for any more is killed.
    fn or_message(&self, control: &Wire, engines: &mut Engines) -> io::Result<bool> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let (pids, lines): (Vec<Pid>, Vec<&Wire>) = engines
            .iter()
            .filter(|(_, engine)| !engine.killed)
            .map(|(pid, engine)| (*pid, &engine.line))
            .unzip();
        let mut fds = vec![
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.0.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(lines.iter().map(|line| PollFd::new(line.as_fd(), PollFlags::empty())));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let woken: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let mut signals = [0; 128 * 4];
        let _ = nix::unistd::read(&self.0, &mut signals);
        for (pid, hung_up) in pids.iter().zip(&woken[2..]) {
            if *hung_up && let Some(engine) = engines.get_mut(pid) {
                engine.killed = true;
                let _ = kill(*pid, Signal::SIGKILL);
            }
        }
        Ok(woken[0])
    }
}
