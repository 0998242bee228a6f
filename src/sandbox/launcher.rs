//! The child half, first part: a fork of the process that asked, which forks an
//! engine for each lab.

use super::cgroup::Share;
use super::engine::{self, Line};
use super::error::SandboxError;
use super::house;
use super::inside::Inside;
use super::kind::For;
use super::message::{Death, Open, Up};
use super::process::{close_all_but, die_with_parent, end};
use super::users::{self, Users};
use super::wire::Wire;
use crate::event::Order;
use nix::fcntl::{self, OFlag};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// A running engine: our copy of its end of the lab's socket, and whether it was
/// killed because the other end was closed.
struct Engine {
    line: Wire,
    killed: bool,
}

type Engines = HashMap<Pid, Engine>;

/// Runs as a launcher until the parent closes the socket.
///
/// `script` runs in each engine, with a copy of `prepared`: an engine is a fork.
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
    let Ok(deaths) = Deaths::watch() else { end() };

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
    // The parent is done or gone. Nobody hears the running engines any more.
    for engine in engines.keys() {
        let _ = kill(*engine, Signal::SIGKILL);
    }
    // Waits for orphaned inits, too, so that nothing outlives the launcher.
    while !matches!(waitpid(None, None), Err(nix::Error::ECHILD)) {}
    end()
}

/// Drops root's rights, then becomes root of a user namespace of its own.
fn enter(control: &Wire, parent: Pid, sandboxes: For) -> Result<Users, SandboxError> {
    let_go_of_the_parent(control)?;
    let users = users::enter_namespace(sandboxes)?;
    house::lock_machine()?;
    // As subreaper we adopt a killed engine's children.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    // Set last: a change of user or capabilities resets it.
    die_with_parent();
    // If the parent died before that, no signal comes any more.
    if getppid() != parent {
        end();
    }
    Ok(users)
}

/// Keeps nothing of the parent's but the socket: a reader of the parent's output
/// must not wait for this process, and the parent reports everything.
fn let_go_of_the_parent(control: &Wire) -> Result<(), SandboxError> {
    let step = "let go of the parent's descriptors";
    let null = fcntl::open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| SandboxError::new(step, errno))?;
    // SAFETY: nothing here uses the standard streams, and `control` is the only
    // value of this process with another descriptor that will be used.
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

/// Gives up the terminal of the user, so that `/dev/tty` leads nowhere in the
/// sandboxes (`TIOCNOTTY` of ioctl_tty(2)).
///
/// A new session would have the same effect. But the kernel schedules each
/// session as a group (`sched_autogroup_enabled`), and on a busy machine a
/// process waits longer for one of another group.
fn give_up_terminal() {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    if let Ok(terminal) = fcntl::open("/dev/tty", flags, Mode::empty()) {
        // SAFETY: takes no argument.
        unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY) };
    }
}

/// Reaps engines that have ended, and tells their labs if they died early.
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

    /// Waits for a message (true) or something else (false). Kills engines whose
    /// lab nobody waits for any more.
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
