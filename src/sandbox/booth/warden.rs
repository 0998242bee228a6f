//! The booth's first process. It starts what a submission starts, buries it,
//! and watches what it takes.
//!
//! It is a fork of the init and as safe from those inside: PID 1 of their pid
//! namespace, not dumpable, with its memory in the user namespace outside.

use super::bounds::{limit_namespaces, take_rights, with_few_signals};
use super::stat::fields;
use super::walls;
use crate::sandbox::SandboxError;
use crate::sandbox::cgroup::Share;
use crate::sandbox::hand::{Ask, Tell};
use crate::sandbox::init::{Init, Refused, end, errno_of};
use crate::sandbox::launcher::{close_all_but, close_all_but_these, die_with_parent};
use crate::sandbox::mounts::at;
use crate::sandbox::users::map_root;
use crate::sandbox::wire::Wire;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Starts it, in a user namespace below the init's, with a share of the machine for
/// what it starts; gives the engine's end of the line to it, and its number.
///
/// What the kernel keeps for each user namespace it keeps apart from the
/// judge's from then on: handlers of binfmt_misc, keys, and what is counted.
/// The network namespaces of the lab are the booth's, or else nothing could be
/// done there; the judge above may do everything in them.
pub(in crate::sandbox) fn start(share: Option<Share>) -> Result<(OwnedFd, Pid), Refused> {
    let (engines, ours) = Wire::pair().map_err(|error| ("make a socket pair", errno_of(&error)))?;
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC;
    // SAFETY: clone(2) without CLONE_VM is a fork, and this process has one
    // thread; the raw call because glibc's wants a stack.
    let clone = || unsafe {
        libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize)
    };
    let pid = with_few_signals(clone);
    match pid {
        0 => run(ours, share),
        pid if pid > 0 => Ok((engines.into(), Pid::from_raw(pid as i32))),
        _ => Err(("create the booth's namespaces", Errno::last())),
    }
}

fn run(wire: Wire, share: Option<Share>) -> ! {
    die_with_parent();
    // In there one may have one's session served later, and nobody else's
    // (`/proc/self/autogroup`, sched(7)).
    let _ = nix::unistd::setsid();
    let line = wire.as_fd().as_raw_fd();
    match share.as_ref().map(|share| share.descriptors().map(|fd| fd.as_raw_fd())) {
        Some([procs, events]) => close_all_but_these([line, procs, events]),
        None => close_all_but(line),
    }
    // Who hides, as the init does, can't write its own maps.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
    match map_root(0, 0).and_then(|()| Init::of_booth(share)) {
        Ok(init) => init.serve(wire),
        Err(SandboxError { step, errno }) => {
            // The first question is answered with that.
            let _ = wire.receive_with::<Ask>();
            let _ = wire.send(&Tell::Refused { step, errno });
            end()
        }
    }
}

/// Makes the booth's root and moves in, and takes from this process and all
/// that it will start what a submission may not do. `made` is how many network
/// namespaces the lab has; `doorman` is the line to who decides about calls.
pub(in crate::sandbox) fn move_in(made: usize, doorman: OwnedFd) -> Result<(), SandboxError> {
    // Whom it is about, and where that lies, is nobody's business in there.
    at("hide the command line", forget_command_line())?;
    walls::move_in()?;
    at("limit the booth's namespaces", limit_namespaces(made))?;
    let listener = at("take a submission's rights away", take_rights())?;
    at("reach the booth's doorman", Wire::new(doorman).send_with(&(), &[listener.as_fd()]))
}

/// Has `/proc/1/cmdline` say nothing: everybody may read it.
fn forget_command_line() -> io::Result<()> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let words: Vec<&str> = fields(&stat).collect();
    // `arg_start` and `arg_end` of proc_pid_stat(5).
    let (Some(start), Some(end)) = (number(words.get(45)), number(words.get(46))) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    if end > start {
        // SAFETY: what lies there is this process's own copy of its arguments,
        // which nobody reads here any more.
        unsafe { std::ptr::write_bytes(start as *mut u8, 0, end - start) };
    }
    Ok(())
}

fn number(word: Option<&&str>) -> Option<usize> {
    word?.parse().ok()
}
