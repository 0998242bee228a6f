//! The booth's first process. It starts what a submission starts, buries it,
//! and watches what it takes.
//!
//! It is a fork of the init and as safe from those inside: PID 1 of their pid
//! namespace, not dumpable, with its memory in the user namespace outside.

use super::bounds::{limit_namespaces, take_rights};
use super::walls;
use crate::sandbox::SandboxError;
use crate::sandbox::init::{Init, Refused, serve};
use crate::sandbox::launcher::{close_all_but, die_with_parent};
use crate::sandbox::wire::Wire;
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Starts it; gives the engine's end of the line to it. `made` is how many
/// network namespaces the lab has.
pub(in crate::sandbox) fn start(made: usize) -> Result<Wire, Refused> {
    let failed = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    limit_namespaces(made).map_err(|error| ("limit the booth's namespaces", failed(error)))?;
    // What one of both makes there, the other sees.
    let none = None::<&str>;
    mount(none, "/run/netns", none, MsFlags::MS_SHARED, none).map_err(|errno| ("share /run/netns", errno))?;
    let (engines, ours) = Wire::pair().map_err(|error| ("make a socket pair", failed(error)))?;
    let namespaces = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
    // SAFETY: clone(2) without CLONE_VM is a fork, and this process has one
    // thread; the raw call because glibc's wants a stack.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize) };
    match pid {
        0 => run(ours),
        pid if pid > 0 => Ok(engines),
        _ => Err(("create the booth's namespaces", Errno::last())),
    }
}

fn run(wire: Wire) -> ! {
    die_with_parent();
    let _ = nix::unistd::setsid();
    close_all_but(wire.as_fd().as_raw_fd());
    // Whom it is about, and where that lies, is nobody's business in there.
    if let Err(error) = forget_command_line() {
        serve(wire, Err(SandboxError::io("hide the command line", &error)));
    }
    let made = walls::move_in().and_then(|()| Init::of_booth()).and_then(|made| {
        take_rights().map_err(|error| SandboxError::io("take a submission's rights away", &error))?;
        Ok(made)
    });
    serve(wire, made)
}

/// Has `/proc/1/cmdline` say nothing: everybody may read it.
fn forget_command_line() -> io::Result<()> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in brackets, may have anything in it.
    let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
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
