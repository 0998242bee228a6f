//! Acts of a process on itself, in each part of the sandbox: it closes descriptors, sets limits,
//! and ends.

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;
use std::os::fd::RawFd;

/// Closes every descriptor above the standard streams, except one.
pub(super) fn close_all_but(kept: RawFd) {
    close_all_but_these([kept]);
}

/// Closes every descriptor above the standard streams, except these.
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
    // SAFETY: the owners of these descriptors belong to the process of which this
    // is a copy; here they are neither used nor dropped.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0u32) };
}

/// Makes the kernel kill this process when the thread that forked it ends.
pub(super) fn die_with_parent() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Sets the soft and the hard limit of this process (getrlimit(2)) to `most`, or to the
/// current hard limit if that is lower.
pub(super) fn at_most(resource: Resource, most: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    Ok(setrlimit(resource, most.min(hard), most.min(hard))?)
}

/// Ends this process without destructors and exit handlers: it is a fork, and they
/// belong to its parent. If it is PID 1, everything in its PID namespace ends as well.
pub(super) fn end() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}
