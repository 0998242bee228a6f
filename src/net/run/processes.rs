//! The processes of a lab, from `/proc`.

use crate::net::kernel::error::strerror;
use crate::net::{NetError, Netns, Network};
use crate::table::ProcessRow;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, fstat};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The time that a program may take to have a command line, which some erase.
const COMMAND_LINE: Duration = Duration::from_millis(500);

impl Network {
    /// The lab's processes in a namespace, as `ip netns pids` finds them.
    ///
    /// # Errors
    ///
    /// If `/proc` can't be read.
    pub fn processes(&self, netns: &Netns) -> Result<Vec<ProcessRow>, NetError> {
        // Processes do not depend on links.
        let kernel = self.bare();
        let failed = |errno| NetError::new(format!("failed to read /proc: {}", strerror(errno as i32)));
        kernel.enter(netns)?;
        let here = netns.fd().ok_or(nix::Error::ENOENT).and_then(fstat).map_err(failed)?;
        let here = format!("net:[{}]", here.st_ino);
        let proc = self.open_proc().map_err(failed)?;
        let mut rows = Vec::new();
        for pid in pids(&proc).map_err(failed)? {
            // The process may have ended meanwhile.
            let netns = readlinkat(&proc, format!("{pid}/ns/net").as_str()).unwrap_or_default();
            if netns.to_string_lossy() == here {
                rows.extend(read(&proc, pid));
            }
        }
        rows.sort_by(|a: &ProcessRow, b| (&a.command, a.ns_pid, a.pid).cmp(&(&b.command, b.ns_pid, b.pid)));
        Ok(rows)
    }

    /// Counts the lab's processes that may act now. The sandbox's own processes,
    /// which nobody may inspect, only do what we ask. A shell that waits does
    /// nothing, nor does a frozen process.
    pub(in crate::net) fn count_processes(&self) -> usize {
        let Ok(proc) = self.open_proc() else { return 0 };
        let waiting = self.waiting.get().map(|shell| i64::from(shell.pid));
        let is_the_labs =
            |pid: &i64| Some(*pid) != waiting && readlinkat(&proc, format!("{pid}/ns/net").as_str()).is_ok();
        let pids = pids(&proc).unwrap_or_default().into_iter();
        pids.filter(|pid| is_the_labs(pid) && !is_frozen(&proc, *pid)).count()
    }

    /// A process and all its descendants.
    pub(in crate::net) fn family_of(&self, pid: i32) -> nix::Result<BTreeSet<i64>> {
        let proc = self.open_proc()?;
        let parent = |pid: i64| {
            let status = text(&proc, &format!("{pid}/status"))?;
            status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse::<i64>().ok()
        };
        let parents: Vec<(i64, Option<i64>)> =
            pids(&proc)?.into_iter().map(|pid| (pid, parent(pid))).collect();
        let mut family = BTreeSet::from([i64::from(pid)]);
        loop {
            let known = family.len();
            let children =
                parents.iter().filter(|(_, parent)| parent.is_some_and(|one| family.contains(&one)));
            let children: Vec<i64> = children.map(|(pid, _)| *pid).collect();
            family.extend(children);
            if family.len() == known {
                return Ok(family);
            }
        }
    }

    /// Tells whether one of these processes has a socket open.
    pub(in crate::net) fn has_socket(&self, pids: &BTreeSet<i64>, inode: u32) -> bool {
        let Ok(proc) = self.open_proc() else { return false };
        let socket = format!("socket:[{inode}]");
        pids.iter().any(|pid| {
            let path = format!("{pid}/fd");
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let Ok(folder) = openat(&proc, path.as_str(), flags, Mode::empty()) else { return false };
            let Ok(names) =
                folder.try_clone().map_err(|_| nix::Error::EMFILE).and_then(nix::dir::Dir::from_fd)
            else {
                return false;
            };
            names.into_iter().flatten().any(|entry| {
                readlinkat(&folder, entry.file_name()).is_ok_and(|link| link.to_string_lossy() == socket)
            })
        })
    }

    /// Waits until a started program has its command line. The kernel reports
    /// its exec a moment earlier.
    pub(in crate::net) fn await_command_line(&self, pid: i32) {
        let Ok(proc) = self.open_proc() else { return };
        let deadline = Instant::now() + COMMAND_LINE;
        // A zombie has no command line any more.
        let is_on_its_way = || {
            text(&proc, &format!("{pid}/cmdline")).is_some_and(|words| words.is_empty())
                && read(&proc, i64::from(pid)).is_some()
        };
        while is_on_its_way() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn open_proc(&self) -> nix::Result<OwnedFd> {
        self.rooms.open(Path::new("/proc"), OFlag::O_RDONLY | OFlag::O_DIRECTORY)
    }
}

/// The ids of all processes except the sandbox's own first one.
fn pids(proc: &OwnedFd) -> nix::Result<Vec<i64>> {
    let mut folder = nix::dir::Dir::from_fd(proc.try_clone().map_err(|_| nix::Error::EMFILE)?)?;
    let pids = folder.iter().filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
    Ok(pids.filter(|pid| *pid != 1).collect())
}

fn read(proc: &OwnedFd, pid: i64) -> Option<ProcessRow> {
    let status = text(proc, &format!("{pid}/status"))?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // A zombie only waits for its parent.
    if field("State:")?.starts_with('Z') {
        return None;
    }
    // The ids from the sandbox's pid namespace inwards.
    let pids: Vec<i64> = field("NSpid:")?.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let words = text(proc, &format!("{pid}/cmdline"))?;
    let command = words.trim_end_matches('\0').replace('\0', " ");
    let command = if command.is_empty() { format!("[{}]", field("Name:")?) } else { command };
    Some(ProcessRow { pid, ns_pid: *pids.last()?, command, nested: pids.len() > 1 })
}

/// Tells whether a process is traced and stopped.
fn is_frozen(proc: &OwnedFd, pid: i64) -> bool {
    let stat = text(proc, &format!("{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may contain anything.
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('t'))
}

fn text(proc: &OwnedFd, path: &str) -> Option<String> {
    let file = openat(proc, path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(file).take(1 << 16).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
