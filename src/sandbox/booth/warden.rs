//! The booth's first process. It starts the submission's programs, reaps them,
//! and watches their memory.
//!
//! It is a fork of the init and protected from the booth's programs like the
//! init: PID 1 of their PID namespace, not dumpable, with its memory in the outer
//! user namespace.

use super::bounds::{limit_namespaces, take_rights, with_few_signals};
use super::stat::fields;
use super::walls;
use crate::sandbox::cgroup::Share;
use crate::sandbox::error::{Refused, SandboxError, errno_of};
use crate::sandbox::message::{Ask, Tell};
use crate::sandbox::mounts::at;
use crate::sandbox::process::{close_all_but, close_all_but_these, die_with_parent, end};
use crate::sandbox::users::map_root;
use crate::sandbox::wire::Wire;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Starts the warden in a user namespace below the init's, with a share of the
/// machine for its programs. Returns the engine's end of the line to it, and its
/// PID.
///
/// From then on, the kernel keeps everything per user namespace apart from the
/// judge's: binfmt_misc handlers, keys, and counters. The lab's network
/// namespaces belong to the booth's user namespace, or a submission could change
/// nothing in them. The judge, in the parent user namespace, has all rights in
/// them.
///
/// `serve` runs in the warden and serves the engine until it is gone. It returns only if
/// it can't begin.
pub(in crate::sandbox) fn start(
    share: Option<Share>,
    serve: impl FnOnce(&Wire, Option<Share>) -> Result<Infallible, SandboxError>,
) -> Result<(OwnedFd, Pid), Refused> {
    let (engines, ours) = Wire::pair().map_err(|error| ("make a socket pair", errno_of(&error)))?;
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC;
    // SAFETY: clone(2) without CLONE_VM is a fork, and this process has one
    // thread. glibc's wrapper needs a stack, so this is the raw call.
    let clone = || unsafe {
        libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize)
    };
    let pid = with_few_signals(clone);
    match pid {
        0 => run(&ours, share, serve),
        pid if pid > 0 => Ok((engines.into(), Pid::from_raw(pid as i32))),
        _ => Err(("create the booth's namespaces", Errno::last())),
    }
}

fn run(
    wire: &Wire,
    share: Option<Share>,
    serve: impl FnOnce(&Wire, Option<Share>) -> Result<Infallible, SandboxError>,
) -> ! {
    die_with_parent();
    // A session of its own: a program may lower the priority of its own session
    // only (`/proc/self/autogroup`, sched(7)).
    let _ = nix::unistd::setsid();
    let line = wire.as_fd().as_raw_fd();
    match share.as_ref().map(|share| share.descriptors().map(|fd| fd.as_raw_fd())) {
        Some([procs, events]) => close_all_but_these([line, procs, events]),
        None => close_all_but(line),
    }
    // A process that is not dumpable, as the init, can't write its own ID maps.
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
    let Err(SandboxError { step, errno }) = map_root(0, 0).and_then(|()| serve(wire, share));
    // The error is the answer to the first request.
    let _ = wire.receive_with::<Ask>();
    let _ = wire.send(&Tell::Refused { step, errno });
    end()
}

/// Creates the booth's root and moves in, and takes the rights that a submission
/// must not have from this process and all its children. `made` is the number of
/// the lab's network namespaces; `doorman` is the line to the doorman.
pub(in crate::sandbox) fn move_in(made: usize, doorman: OwnedFd) -> Result<(), SandboxError> {
    // Programs in the booth must not see nslab's arguments, such as paths.
    at("hide the command line", forget_command_line())?;
    walls::move_in()?;
    at("limit the booth's namespaces", limit_namespaces(made))?;
    let listener = at("take a submission's rights away", take_rights())?;
    at("reach the booth's doorman", Wire::new(doorman).send_with(&(), &[listener.as_fd()]))
}

/// Clears `/proc/1/cmdline`, which everybody can read.
fn forget_command_line() -> io::Result<()> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let words: Vec<&str> = fields(&stat).collect();
    // `arg_start` and `arg_end` of proc_pid_stat(5).
    let (Some(start), Some(end)) = (number(words.get(45)), number(words.get(46))) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    if end > start {
        // SAFETY: the kernel says that this range is the process's own copy of
        // its arguments, and nothing reads it any more.
        unsafe { std::ptr::write_bytes(start as *mut u8, 0, end - start) };
    }
    Ok(())
}

fn number(word: Option<&&str>) -> Option<usize> {
    word?.parse().ok()
}
