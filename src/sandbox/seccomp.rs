//! Filters of system calls (seccomp(2)): how to write and install them.

use nix::libc::{self, sock_filter, sock_fprog};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// This machine's audit architecture. Calls of others, such as 32-bit ones, have
/// other numbers.
#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 62 | 0x8000_0000 | 0x4000_0000;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 183 | 0x8000_0000 | 0x4000_0000;
#[cfg(target_arch = "riscv64")]
const MACHINE: u32 = 243 | 0x8000_0000 | 0x4000_0000;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const MACHINE: u32 = 0;

/// The offsets in `seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
/// The lower half of an argument.
const fn argument(n: u32) -> u32 {
    16 + 8 * n + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// A filter: the decisions about a process's system calls.
#[derive(Debug)]
pub(super) struct Filter(Vec<sock_filter>);

impl Filter {
    /// Creates a filter that does `foreign` with a call of another architecture.
    pub fn new(foreign: sock_filter) -> Self {
        Self::with_foreign(&Self(vec![foreign]))
    }

    /// Creates a filter that passes calls of another architecture to another
    /// filter ([`Filter::of_foreign`]).
    pub fn with_foreign(foreign: &Self) -> Self {
        let mut filter = vec![load(ARCH), jump(libc::BPF_JEQ, MACHINE, foreign.0.len() as u8, 0)];
        filter.extend_from_slice(&foreign.0);
        filter.push(load(NUMBER));
        Self(filter)
    }

    /// Creates a filter for such calls, as part of another one.
    pub fn of_foreign() -> Self {
        Self(vec![load(NUMBER)])
    }

    /// Adds instructions for the call of this number.
    pub fn when(&mut self, call: libc::c_long, then: &[sock_filter]) {
        self.test(libc::BPF_JEQ, call as u32, then);
    }

    /// Adds instructions for calls above this number.
    pub fn above(&mut self, last: u32, then: &[sock_filter]) {
        self.test(libc::BPF_JGT, last, then);
    }

    fn test(&mut self, test: u32, value: u32, then: &[sock_filter]) {
        self.0.push(jump(test, value, 0, then.len() as u8));
        self.0.extend_from_slice(then);
    }

    /// Completes the filter: allows all other calls.
    pub fn allow_the_rest(mut self) -> Self {
        self.0.push(allow());
        self
    }

    /// Installs the filter for this process and its future children. The kernel
    /// requires `CAP_SYS_ADMIN` or [`no_new_privileges`].
    ///
    /// # Errors
    ///
    /// `ENOSYS` on architectures that this file does not know.
    pub fn put_on(&self) -> io::Result<()> {
        self.put_on_with(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW).map(drop)
    }

    /// Does the same, and returns the listener for the calls that wait
    /// ([`wait`]).
    ///
    /// # Errors
    ///
    /// The same, and `EBUSY` if this process already has a listener.
    pub fn put_on_to_be_asked(&self) -> io::Result<OwnedFd> {
        let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        // SAFETY: the kernel has just created it for us.
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

/// Stops programs from gaining rights by exec from now on.
pub(super) fn no_new_privileges() -> io::Result<()> {
    // SAFETY: takes numbers only.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Loads the lower half of an argument.
pub(super) fn load_argument(n: u32) -> sock_filter {
    load(argument(n))
}

/// Loads the upper half of an argument.
pub(super) fn load_upper(n: u32) -> sock_filter {
    load(argument(n) ^ 4)
}

/// Masks the loaded value with these bits.
pub(super) fn keep(bits: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16, jt: 0, jf: 0, k: bits }
}

fn load(at: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at }
}

/// Skips the next `jt` instructions if the test holds, else `jf`.
pub(super) fn jump(test: u32, value: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt, jf, k: value }
}

fn end(action: u32, data: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: action | data }
}

/// Kills the process.
pub(super) fn kill() -> sock_filter {
    end(libc::SECCOMP_RET_KILL_PROCESS, 0)
}

/// Fails the call with this error.
pub(super) fn refuse(errno: i32) -> sock_filter {
    end(libc::SECCOMP_RET_ERRNO, errno as u32)
}

/// Skips the call, and reports success.
pub(super) fn call_it_done() -> sock_filter {
    end(libc::SECCOMP_RET_ERRNO, 0)
}

/// Makes the call wait for the listener's decision.
pub(super) fn wait() -> sock_filter {
    end(libc::SECCOMP_RET_USER_NOTIF, 0)
}

/// Allows the call.
pub(super) fn allow() -> sock_filter {
    end(libc::SECCOMP_RET_ALLOW, 0)
}
