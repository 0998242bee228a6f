//! Filters of system calls (seccomp(2)): how one is written, and put on.

use nix::libc::{self, sock_filter, sock_fprog};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// This machine's own calls; those of others, as of 32 bits, have other
/// numbers.
#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 62 | 0x8000_0000 | 0x4000_0000;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 183 | 0x8000_0000 | 0x4000_0000;
#[cfg(target_arch = "riscv64")]
const MACHINE: u32 = 243 | 0x8000_0000 | 0x4000_0000;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const MACHINE: u32 = 0;

/// Where seccomp_data has what.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// The lower half of an argument.
const fn argument(n: u32) -> u32 {
    16 + 8 * n + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// A filter: what is done with the calls of a process.
#[derive(Debug)]
pub(super) struct Filter(Vec<sock_filter>);

impl Filter {
    /// One that does `foreign` with a call whose number is that of another
    /// kind of machine.
    pub fn new(foreign: sock_filter) -> Self {
        Self::with_foreign(&Self(vec![foreign]))
    }

    /// One that has another filter ([`Filter::of_foreign`]) look at calls whose
    /// numbers are those of another kind of machine.
    pub fn with_foreign(foreign: &Self) -> Self {
        let mut filter = vec![load(ARCH), jump(libc::BPF_JEQ, MACHINE, foreign.0.len() as u8, 0)];
        filter.extend_from_slice(&foreign.0);
        filter.push(load(NUMBER));
        Self(filter)
    }

    /// One for such calls. It is part of another.
    pub fn of_foreign() -> Self {
        Self(vec![load(NUMBER)])
    }

    /// Does these where the call's number is this one.
    pub fn when(&mut self, call: libc::c_long, then: &[sock_filter]) {
        self.test(libc::BPF_JEQ, call as u32, then);
    }

    /// Does these where the call's number is above this one.
    pub fn above(&mut self, last: u32, then: &[sock_filter]) {
        self.test(libc::BPF_JGT, last, then);
    }

    fn test(&mut self, test: u32, value: u32, then: &[sock_filter]) {
        self.0.push(jump(test, value, 0, then.len() as u8));
        self.0.extend_from_slice(then);
    }

    /// Ends it: allows all other calls.
    pub fn allow_the_rest(mut self) -> Self {
        self.0.push(allow());
        self
    }

    /// Puts it on this process, and on all that it will start. The kernel
    /// wants CAP_SYS_ADMIN for that, or [`no_new_privileges`].
    ///
    /// # Errors
    ///
    /// `ENOSYS` on kinds of machines whose calls nobody has looked at.
    pub fn put_on(&self) -> io::Result<()> {
        self.put_on_with(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW).map(drop)
    }

    /// The same; gives the way to the calls that wait ([`wait`]).
    ///
    /// # Errors
    ///
    /// The same, and `EBUSY` where somebody decides about this process already.
    pub fn put_on_to_be_asked(&self) -> io::Result<OwnedFd> {
        let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        // SAFETY: the kernel has just made it for us.
        self.put_on_with(flags).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
    }

    fn put_on_with(&self, flags: libc::c_ulong) -> io::Result<libc::c_long> {
        if MACHINE == 0 {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        let program = sock_fprog { len: self.0.len() as u16, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: the kernel copies the filter during the call.
        let done = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
        };
        if done >= 0 { Ok(done) } else { Err(io::Error::last_os_error()) }
    }
}

/// From now on programs don't become somebody else by being started.
pub(super) fn no_new_privileges() -> io::Result<()> {
    // SAFETY: takes numbers only.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Looks at an argument of the call, at its lower half.
pub(super) fn load_argument(n: u32) -> sock_filter {
    load(argument(n))
}

/// Looks at the upper half of an argument.
pub(super) fn load_upper(n: u32) -> sock_filter {
    load(argument(n) ^ 4)
}

/// Keeps these bits of what is looked at.
pub(super) fn keep(bits: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16, jt: 0, jf: 0, k: bits }
}

fn load(at: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at }
}

/// Leaves out the next `jt` where the test holds, `jf` where it does not.
pub(super) fn jump(test: u32, value: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt, jf, k: value }
}

fn end(action: u32, data: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: action | data }
}

/// Ends the process.
pub(super) fn kill() -> sock_filter {
    end(libc::SECCOMP_RET_KILL_PROCESS, 0)
}

/// Does not do it, and says why not.
pub(super) fn refuse(errno: i32) -> sock_filter {
    end(libc::SECCOMP_RET_ERRNO, errno as u32)
}

/// Does not do it, and says that it is done.
pub(super) fn call_it_done() -> sock_filter {
    end(libc::SECCOMP_RET_ERRNO, 0)
}

/// Has it wait until somebody has decided about it.
pub(super) fn wait() -> sock_filter {
    end(libc::SECCOMP_RET_USER_NOTIF, 0)
}

/// Does it.
pub(super) fn allow() -> sock_filter {
    end(libc::SECCOMP_RET_ALLOW, 0)
}
