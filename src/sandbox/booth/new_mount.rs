//! File systems that a submission mounts anew, made by the doorman as the
//! caller would have made them.

use super::calls::Call;
use crate::sandbox::launcher::die_with_parent;
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

/// What all file systems in memory may take, in bytes, those that are not
/// mounted any more included.
const FILES: u64 = 256 << 20;
/// What one takes where nothing is said, and never less than a page.
const USUAL: u64 = 64 << 20;
const LEAST: u64 = 4096;
/// How many file systems of all kinds may be mounted, ever.
const MOUNTS: u32 = 2000;
/// How many with terminals of their own, of which the machine has 4096 for all.
const TERMINALS: u32 = 4;

/// The kinds that there may be. None of them runs code of the one who mounts
/// it, as binfmt_misc and FUSE do, or takes memory that nobody counts, as ramfs
/// does.
const KINDS: [&str; 5] = ["proc", "sysfs", "tmpfs", "devpts", "mqueue"];

/// CAP_SYS_ADMIN, which mount(2) wants.
const SYS_ADMIN: u32 = 21;

/// What was taken so far.
#[derive(Debug, Default)]
pub(super) struct Taken {
    bytes: u64,
    mounts: u32,
    terminals: u32,
}

impl Taken {
    /// Gives a new file system its part; how much that is.
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

/// What is to be mounted.
#[derive(Debug)]
pub(super) struct NewMount {
    kind: &'static str,
    source: OsString,
    target: OsString,
    flags: MsFlags,
    /// How large, in bytes, and of which mode, where that is said.
    size: Option<u64>,
    mode: Option<String>,
}

impl NewMount {
    /// Reads what a call of mount(2) wants.
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

    /// What the file system is told.
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

    /// Mounts it where the caller is.
    pub fn make(&self, place: &Place) -> Result<(), Errno> {
        let until = Instant::now() + PATIENCE;
        in_a_child(until, || {
            place.enter()?;
            // A proc(5) is that of the pid namespace in which one is. There the
            // caller can stop us.
            in_a_child(until, || {
                let data = self.data();
                let kind: &OsStr = self.kind.as_ref();
                mount(Some(&*self.source), &*self.target, Some(kind), self.flags, data.as_deref())
            })
        })
    }
}

/// How long it may take to mount something.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a caller is: its namespaces, root and folder, and the rights that there
/// are in its user namespace.
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

/// Does something in a process of its own, which is ended when it takes longer.
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

/// Reads a size as tmpfs(5) does; `None` where it is no number of bytes, as a
/// part of the machine's memory.
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
