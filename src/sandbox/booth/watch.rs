//! Watches the memory of a submission: limits of single processes do not limit
//! their sum, and not every machine has a cgroup to give.

use super::bounds::MEMORY;
use crate::net::Cleared;
use crate::sandbox::cgroup::Share;
use nix::dir::Dir;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{Statfs, fstatfs};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// The interval of the checks.
pub(in crate::sandbox) const EVERY: Duration = Duration::from_millis(50);

/// The most bytes of mountinfo in the booth: some thousand mounts.
const MOUNTS: u64 = 512 << 10;
/// Above this many bytes of address space, page tables may be large even if
/// little memory is used.
const SPARSE: u64 = 4 << 30;

/// The most by which memory outside of processes may grow on the whole machine,
/// in bytes, while a submission runs.
const UNSEEN: u64 = 1 << 30;
/// The least available memory of the machine: this part of all, or this many
/// bytes.
const LEFT_PART: u64 = 20;
const LEFT: u64 = 512 << 20;

/// The state of the watch.
#[derive(Debug)]
pub(in crate::sandbox) struct Watch {
    root: OwnedFd,
    proc: OwnedFd,
    meminfo: File,
    /// The least shared memory seen so far.
    unseen: u64,
    /// The number of processes that the kernel had killed at the last check.
    ended: u64,
    page: u64,
}

/// The machine's memory, in bytes.
struct Memory {
    total: u64,
    available: u64,
    /// Files in memory, and memory shared between processes.
    shared: u64,
}

impl Watch {
    /// `root` and `proc` are those of the booth, from the time when no program
    /// was in it.
    pub fn new(root: OwnedFd, proc: OwnedFd) -> io::Result<Self> {
        let meminfo = open(&proc, "meminfo", OFlag::O_RDONLY)?.into();
        // SAFETY: takes a number only.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
        let mut watch = Self { root, proc, meminfo, unseen: 0, ended: 0, page };
        watch.unseen = watch.memory()?.shared;
        Ok(watch)
    }

    /// Checks whether there are programs, and whether they take too much or have
    /// hit their share's limit. If that can't be read, it counts as too much.
    pub fn look(&mut self, share: Option<&Share>) -> (bool, Option<Cleared>) {
        let Ok((somebody, ended)) = self.take_stock(share) else {
            let reason = "nobody could watch over it: the machine gave no file".to_string();
            return (true, Some(Cleared { reason, machine: true }));
        };
        (somebody, ended)
    }

    fn take_stock(&mut self, share: Option<&Share>) -> io::Result<(bool, Option<Cleared>)> {
        if let Some(times) = share.map(Share::ended).transpose()?
            && times > self.ended
        {
            self.ended = times;
            return Ok((true, Some(Cleared { reason: Share::reason(), machine: false })));
        }
        let pids = self.pids()?;
        let own = |reason: String| Some(Cleared { reason, machine: false });
        let most = MEMORY >> 20;
        let threads = pids.iter().map(|pid| self.threads(*pid)).collect::<io::Result<Vec<_>>>()?;
        let processes = threads.iter().map(|threads| self.private(threads)).sum::<io::Result<u64>>()?;
        let (files, mounts) = self.files(threads.iter().flatten().map(String::as_str))?;
        let ended = if processes > MEMORY {
            own(format!("its programs took more than {most} MiB of memory together"))
        } else if files > MEMORY {
            own(format!("its files in memory took more than {most} MiB"))
        } else if mounts > MOUNTS {
            own("it mounted more than anybody can look at".into())
        } else {
            let memory = self.memory()?;
            self.unseen = memory.shared.min(self.unseen);
            self.shortage(&memory)
        };
        Ok((!pids.is_empty(), ended))
    }

    fn shortage(&self, memory: &Memory) -> Option<Cleared> {
        let machine = |reason: &str| Some(Cleared { reason: reason.into(), machine: true });
        if memory.available < LEFT.min(memory.total / LEFT_PART) {
            machine("the machine ran short of memory")
        } else if memory.shared > self.unseen + UNSEEN {
            machine("somebody filled the machine's memory with files")
        } else {
            None
        }
    }

    /// Returns all processes but the warden.
    fn pids(&self) -> nix::Result<Vec<i32>> {
        let mut pids = numbers(&self.proc, ".")?;
        pids.retain(|pid| *pid != 1);
        Ok(pids)
    }

    /// Returns the private memory of the process with these threads, in bytes.
    /// Shared memory has its own limits: for files in memory, and in the doorman.
    fn private(&self, threads: &[String]) -> io::Result<u64> {
        // A thread that has ended has no memory, even if it was the first one.
        for thread in threads {
            let text = self.of_a_process(&format!("{thread}/statm"), 256)?;
            let pages: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            let [whole, resident, shared, ..] = pages[..] else { continue };
            if whole == 0 {
                continue;
            }
            let tables = match whole * self.page > SPARSE {
                true => self.page_tables(thread)?,
                false => 0,
            };
            return Ok(resident.saturating_sub(shared) * self.page + tables);
        }
        Ok(0)
    }

    /// Returns the size of a process's page tables, in bytes.
    fn page_tables(&self, thread: &str) -> io::Result<u64> {
        let text = self.of_a_process(&format!("{thread}/status"), 4096)?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmPTE:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.unwrap_or(0) << 10)
    }

    /// Returns the folders of a process's threads, each with its own namespaces.
    fn threads(&self, pid: i32) -> io::Result<Vec<String>> {
        match numbers(&self.proc, &format!("{pid}/task")) {
            Ok(threads) => Ok(threads.into_iter().map(|thread| format!("{pid}/task/{thread}")).collect()),
            Err(errno) if is_nobodys(errno as i32) => Ok(Vec::new()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns the size of all files in memory, in bytes, wherever they are
    /// mounted, and the length of the longest list of mounts.
    fn files<'a>(&self, threads: impl Iterator<Item = &'a str>) -> io::Result<(u64, u64)> {
        let mut bytes = taken(&fstatfs(&self.root)?);
        let (mut namespaces, mut devices, mut longest) = (HashSet::new(), HashSet::new(), 0);
        // The warden's mount namespace counts as well.
        for thread in ["1"].into_iter().chain(threads) {
            let namespace = match readlinkat(&self.proc, format!("{thread}/ns/mnt").as_str()) {
                Ok(namespace) => namespace,
                // The thread has ended, or is about to exec.
                Err(errno) if is_nobodys(errno as i32) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if !namespaces.insert(namespace) {
                continue;
            }
            let mounts = self.of_a_process(&format!("{thread}/mountinfo"), MOUNTS + 1)?;
            longest = longest.max(mounts.len() as u64);
            for line in mounts.lines().filter(|line| line.contains(" - tmpfs ")) {
                let words: Vec<&str> = line.split(' ').collect();
                let [_, _, device, root, path, ..] = words[..] else { continue };
                // The sandbox's own have their own limits. They show as a subtree
                // of a file system, or as our root.
                if root != "/" || path == "/" || !devices.insert(device.to_string()) {
                    continue;
                }
                let path = format!("{thread}/root{}", as_it_is(path));
                let mounted =
                    openat(&self.proc, Path::new(&path), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
                bytes += mounted.and_then(fstatfs).as_ref().map_or(0, taken);
            }
        }
        Ok((bytes, longest))
    }

    fn memory(&self) -> io::Result<Memory> {
        let mut text = [0; 4096];
        let length = self.meminfo.read_at(&mut text, 0)?;
        let text = String::from_utf8_lossy(&text[..length]);
        Memory::read(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads a file of a process. Returns an empty text if the process has ended,
    /// or is about to exec.
    fn of_a_process(&self, path: &str, most: u64) -> io::Result<String> {
        match self.read(path, most) {
            Err(error) if error.raw_os_error().is_some_and(is_nobodys) => Ok(String::new()),
            read => read,
        }
    }

    fn read(&self, path: &str, most: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::from(open(&self.proc, path, OFlag::O_RDONLY)?).take(most).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Memory {
    /// Reads `/proc/meminfo`, which counts in KiB.
    fn read(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
        };
        Some(Self {
            total: field("MemTotal:")?,
            available: field("MemAvailable:")?,
            shared: field("Shmem:")?,
        })
    }
}

/// Opens a file of the kernel's, and nothing mounted over it.
pub(super) fn open(proc: impl AsFd, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV);
    openat2(proc, path, how)
}

/// Returns the numbers in a folder: processes, or threads of a process.
pub(super) fn numbers(proc: impl AsFd, folder: &str) -> nix::Result<Vec<i32>> {
    let mut folder = Dir::from_fd(open(proc, folder, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?)?;
    Ok(folder.iter().flatten().filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok()).collect())
}

/// Tells whether an error has this reason: the process has ended, or is a fork of
/// the warden, whose memory belongs to the outer user namespace until exec.
fn is_nobodys(errno: i32) -> bool {
    matches!(errno, libc::ENOENT | libc::ESRCH | libc::EINVAL | libc::EACCES | libc::EPERM)
}

/// Decodes a path of mountinfo, which has blanks and the like as `\040`.
fn as_it_is(path: &str) -> String {
    let mut parts = path.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[3..]);
            }
            None => {
                bytes.push(b'\\');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn taken(found: &Statfs) -> u64 {
    found.blocks().saturating_sub(found.blocks_free()) * found.block_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_blanks_are_read() {
        assert_eq!(as_it_is("/tmp/a\\040b\\134c"), "/tmp/a b\\c");
        assert_eq!(as_it_is("/tmp"), "/tmp");
    }

    #[test]
    fn the_machines_memory_is_told_in_kibibytes() {
        let text = "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\nShmem:          16 kB\n";
        let memory = Memory::read(text).unwrap();
        assert_eq!((memory.total, memory.available, memory.shared), (2 << 20, 1 << 20, 16 << 10));
        assert!(Memory::read("MemTotal: 1 kB\n").is_none());
    }
}
