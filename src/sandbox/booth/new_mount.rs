//! New file systems of a submission: the doorman mounts them as the caller would
//! have.

use super::calls::Call;
use crate::sandbox::process::die_with_parent;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, chroot, fchdir, fork};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

/// The budget of all file systems in memory, in bytes. Unmounted ones count, too.
const FILES: u64 = 256 << 20;
/// The default size of one, and the smallest: a page.
const USUAL: u64 = 64 << 20;
const LEAST: u64 = 4096;
/// The number of file systems of all kinds that may be mounted, ever.
const MOUNTS: u32 = 2000;
/// The number of devpts mounts: the machine has 4096 terminals for all.
const TERMINALS: u32 = 4;

/// The allowed kinds. None of them runs code of its user, as binfmt_misc and FUSE
/// do, or takes memory that is not counted, as ramfs does.
const KINDS: [&str; 5] = ["proc", "sysfs", "tmpfs", "devpts", "mqueue"];

/// `CAP_SYS_ADMIN`, which mount(2) requires.
const SYS_ADMIN: u32 = 21;

/// The parts of the budgets used so far.
#[derive(Debug, Default)]
pub(super) struct Taken {
    bytes: u64,
    mounts: u32,
    terminals: u32,
}

impl Taken {
    /// Gives a new file system its part of the budget, and returns the size.
    pub fn take(&mut self, new: &mut NewMount) -> Result<u64, Errno> {
        if self.mounts >= MOUNTS {
            return Err(Errno::ENOSPC);
        }
        self.mounts += 1;
        if new.kind == "devpts" {
            self.terminals += 1;
            if self.terminals > TERMINALS {
                return Err(Errno::ENOSPC);
            }
        }
        if new.kind != "tmpfs" {
            return Ok(0);
        }
        let size = new.size.unwrap_or(USUAL).max(LEAST).min(FILES - self.bytes);
        if size < LEAST {
            return Err(Errno::ENOSPC);
        }
        self.bytes += size;
        new.size = Some(size);
        Ok(size)
    }

    pub fn give_back_unless(&mut self, made: bool, size: u64) {
        if !made {
            self.bytes -= size;
        }
    }
}

/// The file system to mount.
#[derive(Debug)]
pub(super) struct NewMount {
    kind: &'static str,
    source: OsString,
    target: OsString,
    flags: MsFlags,
    /// The size in bytes, and the mode, if given.
    size: Option<u64>,
    mode: Option<String>,
}

impl NewMount {
    /// Reads the arguments of a mount(2) call.
    pub fn read(call: &Call, flags: u64) -> Result<Self, Errno> {
        let [source, target, kind, _, data, _] = call.arguments;
        if !call.may(SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        let kind = call.string(kind, 64)?.ok_or(Errno::EINVAL)?;
        let kind = KINDS.into_iter().find(|known| known.as_bytes() == kind).ok_or(Errno::EPERM)?;
        let target = call.string(target, libc::PATH_MAX as usize)?.ok_or(Errno::EFAULT)?;
        let source = call.string(source, libc::PATH_MAX as usize)?.unwrap_or_else(|| b"none".to_vec());
        let data = call.string(data, 4096)?.unwrap_or_default();
        let data = String::from_utf8_lossy(&data).into_owned();
        let option = |name: &str| {
            data.split(',').rev().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
        };
        Ok(Self {
            kind,
            source: OsString::from_vec(source),
            target: OsString::from_vec(target),
            flags: MsFlags::from_bits_truncate(flags) | MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            size: option("size").and_then(bytes),
            mode: option("mode").filter(|mode| u32::from_str_radix(mode, 8).is_ok()).map(String::from),
        })
    }

    /// Returns the mount options.
    fn data(&self) -> Option<String> {
        match self.kind {
            "tmpfs" => {
                let mode = self.mode.as_deref().unwrap_or("1777");
                Some(format!("size={},nr_inodes=20k,mode={mode}", self.size.unwrap_or(LEAST)))
            }
            "devpts" => Some("newinstance,ptmxmode=0666,mode=0620,max=16".into()),
            _ => None,
        }
    }

    /// Mounts it in the caller's place.
    pub fn make(&self, place: &Place) -> Result<(), Errno> {
        let until = Instant::now() + PATIENCE;
        in_a_child(until, || {
            place.enter()?;
            // A proc(5) shows the PID namespace of the process that mounts it. In
            // there, the caller can stop this process.
            in_a_child(until, || {
                let data = self.data();
                let kind: &OsStr = self.kind.as_ref();
                mount(Some(&*self.source), &*self.target, Some(kind), self.flags, data.as_deref())
            })
        })
    }
}

/// The time limit of a mount.
const PATIENCE: Duration = Duration::from_secs(2);

/// The caller's place: its namespaces, root and folder, with the rights in its
/// user namespace.
pub(super) struct Place {
    namespaces: [(OwnedFd, CloneFlags); 5],
    root: OwnedFd,
    folder: OwnedFd,
}

impl Place {
    pub fn of(call: &Call) -> Result<Self, Errno> {
        let at = |what: &str, flags: OFlag| {
            open(format!("/proc/{}/{what}", call.pid).as_str(), flags | OFlag::O_CLOEXEC, Mode::empty())
        };
        let folders = OFlag::O_PATH | OFlag::O_DIRECTORY;
        Ok(Self {
            namespaces: [
                (at("ns/user", OFlag::O_RDONLY)?, CloneFlags::CLONE_NEWUSER),
                (at("ns/net", OFlag::O_RDONLY)?, CloneFlags::CLONE_NEWNET),
                (at("ns/ipc", OFlag::O_RDONLY)?, CloneFlags::CLONE_NEWIPC),
                (at("ns/pid", OFlag::O_RDONLY)?, CloneFlags::CLONE_NEWPID),
                (at("ns/mnt", OFlag::O_RDONLY)?, CloneFlags::CLONE_NEWNS),
            ],
            root: at("root", folders)?,
            folder: at("cwd", folders)?,
        })
    }

    fn enter(&self) -> Result<(), Errno> {
        for (namespace, kind) in &self.namespaces {
            setns(namespace, *kind)?;
        }
        fchdir(&self.root)?;
        chroot(".")?;
        fchdir(&self.folder)
    }
}

/// Runs `act` in a child process, which is killed at `until`.
fn in_a_child(until: Instant, act: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            die_with_parent();
            let code = act().err().map_or(0, |errno| errno as i32);
            // SAFETY: ends this process.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => loop {
            match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
                Ok(WaitStatus::Exited(_, code)) => return Err(Errno::from_raw(code)),
                Ok(WaitStatus::StillAlive) if Instant::now() > until => {
                    let _ = kill(child, Signal::SIGKILL);
                    let _ = waitpid(child, None);
                    return Err(Errno::EIO);
                }
                Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_micros(50)),
                Err(Errno::EINTR) => {}
                _ => return Err(Errno::EIO),
            }
        },
    }
}

/// Reads a size as tmpfs(5) does; `None` if it is no number of bytes, such as a
/// percentage of memory.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_tmpfs_reads_them() {
        for (text, size) in [
            ("4096", Some(4096)),
            ("16k", Some(16 << 10)),
            ("420m", Some(420 << 20)),
            ("2G", Some(2 << 30)),
            ("50%", None),
            ("m", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
    }

    #[test]
    fn all_together_get_no_more_than_there_is() {
        let mut taken = Taken::default();
        let mut sum = 0;
        loop {
            let mut new = NewMount {
                kind: "tmpfs",
                source: OsString::new(),
                target: OsString::new(),
                flags: MsFlags::empty(),
                size: Some(100 << 20),
                mode: None,
            };
            match taken.take(&mut new) {
                Ok(size) => sum += size,
                Err(errno) => break assert_eq!((errno, sum), (Errno::ENOSPC, FILES)),
            }
        }
    }
}
