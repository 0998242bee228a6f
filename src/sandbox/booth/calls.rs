//! System calls of a submission that wait for a decision (seccomp_unotify(2)).

use nix::errno::Errno;
use nix::libc::{self, seccomp_notif, seccomp_notif_resp};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A waiting call.
#[derive(Debug)]
pub(super) struct Call {
    id: u64,
    /// The thread that made the call.
    pub pid: Pid,
    pub number: libc::c_long,
    pub arguments: [u64; 6],
}

impl Call {
    /// Reads the memory that an argument points to.
    pub fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; length];
        let found = self.read_into(at, &mut bytes)?;
        if found == length { Ok(bytes) } else { Err(Errno::EFAULT) }
    }

    /// Reads a string that ends with a zero byte, of this many bytes at most.
    /// Returns `None` if the argument is 0.
    pub fn string(&self, at: u64, most: usize) -> Result<Option<Vec<u8>>, Errno> {
        const PAGE: u64 = 4096;
        if at == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        while bytes.len() < most {
            // The next page may not be mapped.
            let from = at + bytes.len() as u64;
            let mut part = vec![0; (PAGE - from % PAGE) as usize];
            let length = self.read_into(from, &mut part)?;
            match part[..length].iter().position(|byte| *byte == 0) {
                Some(end) => {
                    bytes.extend_from_slice(&part[..end]);
                    return if bytes.len() < most { Ok(Some(bytes)) } else { Err(Errno::ENAMETOOLONG) };
                }
                None if length == 0 => return Err(Errno::EFAULT),
                None => bytes.extend_from_slice(&part[..length]),
            }
        }
        Err(Errno::ENAMETOOLONG)
    }

    fn read_into(&self, at: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        let from = [RemoteIoVec { base: at as usize, len: bytes.len() }];
        process_vm_readv(self.pid, &mut [IoSliceMut::new(bytes)], &from)
    }

    /// Duplicates a descriptor of the caller.
    pub fn borrow(&self, fd: i32) -> Result<OwnedFd, Errno> {
        // SAFETY: the kernel has just created it for us.
        let own = |fd: libc::c_long| Errno::result(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) });
        // SAFETY: takes numbers only.
        let process = own(unsafe { libc::syscall(libc::SYS_pidfd_open, self.process()?, 0) })?;
        // SAFETY: the same.
        own(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) })
    }

    /// Returns the process of the thread.
    fn process(&self) -> Result<i32, Errno> {
        self.field("Tgid:").and_then(|text| text.parse().ok()).ok_or(Errno::ESRCH)
    }

    /// Tells whether the caller has a capability (capabilities(7)).
    pub fn may(&self, capability: u32) -> bool {
        let effective = self.field("CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok());
        effective.is_some_and(|effective| effective >> capability & 1 == 1)
    }

    /// Returns a field of `/proc/PID/status`.
    fn field(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        Some(text.lines().find_map(|line| line.strip_prefix(name))?.trim().to_string())
    }
}

/// The seccomp listener: calls arrive on it, and answers go back.
#[derive(Debug)]
pub(super) struct Notices(OwnedFd);

impl Notices {
    pub fn new(listener: OwnedFd) -> Self {
        Self(listener)
    }

    /// Waits for the next call; `None` if no process is left to make one.
    pub fn next(&self) -> Option<Call> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        loop {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(_) => return None,
                Ok(_) if fds[0].revents()?.contains(PollFlags::POLLIN) => {}
                Ok(_) => return None,
            }
            // SAFETY: the kernel wants it to be zero, and fills it.
            let mut notice: seccomp_notif = unsafe { std::mem::zeroed() };
            // SAFETY: lives through the call.
            let done = unsafe {
                libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut notice)
            };
            if done == 0 {
                return Some(Call {
                    id: notice.id,
                    pid: Pid::from_raw(notice.pid as i32),
                    number: libc::c_long::from(notice.data.nr),
                    arguments: notice.data.args,
                });
            }
            // The caller may have ended meanwhile.
            if !matches!(Errno::last(), Errno::ENOENT | Errno::EINTR) {
                return None;
            }
        }
    }

    /// Tells whether the caller still waits. If not, its PID may belong to
    /// another process, and so may the memory that was read.
    pub fn is_still_there(&self, call: &Call) -> bool {
        // SAFETY: the number lives through the call.
        let done = unsafe {
            libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _, &raw const call.id)
        };
        done == 0
    }

    /// Lets the kernel carry out the call.
    pub fn go_on(&self, call: &Call) {
        self.send(call, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32);
    }

    /// Answers that the call has succeeded, or failed with this error.
    pub fn answer(&self, call: &Call, result: Result<(), Errno>) {
        self.send(call, result.err().map_or(0, |errno| -(errno as i32)), 0);
    }

    fn send(&self, call: &Call, error: i32, flags: u32) {
        let answer = seccomp_notif_resp { id: call.id, val: 0, error, flags };
        // If the caller is gone, the answer is lost, which is fine.
        // SAFETY: lives through the call.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw const answer) };
    }
}
