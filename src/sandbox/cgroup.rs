//! A cgroup for each submission, where possible (cgroups(7), version 2). The kernel
//! then limits all memory of a submission at once, including the kernel's own memory
//! for it, and gives each submission an equal share of the processors.
//!
//! The cgroups are created in the nearest ancestor of nslab's own cgroup that passes
//! on memory and pids and that the user may write to. Root may, and an ordinary user
//! may in what systemd has delegated (`systemd-run --user --scope nslab grade …`). No
//! setting of the machine changes.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, Pid, access};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// The memory limit in bytes: the limits of programs and of files together.
const MEMORY: u64 = 1 << 30;

/// The number of processes, of a submission and its judge together, above which the
/// submission gets no more. The judge still gets more.
pub(super) const PROCESSES: u64 = 256;

/// The name of the folder of all cgroups of a process, followed by its number.
const NAME: &str = "nslab-";

/// The cgroups of all sandboxes of this process.
#[derive(Debug)]
pub(super) struct Cgroups {
    folder: PathBuf,
    made: AtomicU32,
    /// Folders whose sandbox is done, and that may still have a process in them.
    left: Mutex<Vec<PathBuf>>,
}

/// The cgroup of one sandbox. Dropping it has it removed.
#[derive(Debug)]
pub(super) struct Cgroup {
    all: Arc<Cgroups>,
    path: PathBuf,
    pub share: Share,
}

/// Open files of a cgroup: the one that moves a process into it, and its events.
#[derive(Debug)]
pub(super) struct Share {
    procs: OwnedFd,
    events: OwnedFd,
}

impl Cgroups {
    /// Creates a folder for them.
    ///
    /// # Errors
    ///
    /// If that is not possible; the message is for people.
    pub fn new() -> Result<Arc<Self>, String> {
        let own = own_cgroup()?;
        let above = own.ancestors().find(|above| passes_on(above));
        let above = above.ok_or("no cgroup that passes on memory and pids is ours to divide")?;
        remove_deserted(above);
        let folder = above.join(format!("{NAME}{}", std::process::id()));
        let failed = |error: io::Error| format!("failed to make a cgroup in {}: {error}", above.display());
        fs::create_dir(&folder).map_err(failed)?;
        let all = Self { folder, made: AtomicU32::new(0), left: Mutex::default() };
        let pass_on = |what: &str| fs::write(all.folder.join("cgroup.subtree_control"), what);
        // On failure, dropping `all` removes the folder.
        pass_on("+memory +pids").map_err(failed)?;
        let _ = pass_on("+cpu");
        Ok(Arc::new(all))
    }

    /// Creates a cgroup.
    pub fn make(self: &Arc<Self>) -> io::Result<Cgroup> {
        self.remove_left();
        let path = self.folder.join(self.made.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&path)?;
        let share = Share::of(&path).inspect_err(|_| drop(fs::remove_dir(&path)))?;
        Ok(Cgroup { all: self.clone(), path, share })
    }

    /// Removes the folders that are empty now.
    fn remove_left(&self) {
        if let Ok(mut left) = self.left.lock() {
            left.retain(|path| fs::remove_dir(path).is_err_and(|error| is_busy(&error)));
        }
    }
}

impl Drop for Cgroups {
    /// All sandboxes have ended before.
    fn drop(&mut self) {
        self.remove_left();
        let _ = fs::remove_dir(&self.folder);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Ok(mut left) = self.all.left.lock() {
            left.push(std::mem::take(&mut self.path));
        }
    }
}

impl Share {
    /// Sets the limits of a new cgroup, and opens its files.
    fn of(path: &Path) -> io::Result<Self> {
        let set = |file: &str, value: &str| fs::write(path.join(file), value);
        set("memory.max", &MEMORY.to_string())?;
        set("pids.max", &PROCESSES.to_string())?;
        // At the limit, all processes are killed together. (Linux 4.19)
        set("memory.oom.group", "1")?;
        // A machine may have no swap.
        let _ = set("memory.swap.max", "0");
        let open = |file: &str, flags| open(&path.join(file), flags | OFlag::O_CLOEXEC, Mode::empty());
        Ok(Self {
            procs: open("cgroup.procs", OFlag::O_WRONLY)?,
            events: open("memory.events", OFlag::O_RDONLY)?,
        })
    }

    /// From descriptors in the order of [`Share::descriptors`].
    pub fn from_descriptors(fds: Vec<OwnedFd>) -> Option<Self> {
        let [procs, events] = <[OwnedFd; 2]>::try_from(fds).ok()?;
        Some(Self { procs, events })
    }

    /// Its descriptors, for sending them through a socket.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.procs.as_fd(), self.events.as_fd()]
    }

    /// The descriptor for [`join`].
    pub fn way_in(&self) -> i32 {
        self.procs.as_raw_fd()
    }

    /// Returns the number of processes that the kernel has killed because of the memory limit.
    pub fn ended(&self) -> io::Result<u64> {
        let mut text = [0; 1024];
        let file = fs::File::from(self.events.try_clone()?);
        let length = file.read_at(&mut text, 0)?;
        let text = String::from_utf8_lossy(&text[..length]);
        Ok(count(&text, "oom_kill"))
    }

    /// The reason, for reports.
    pub fn reason() -> String {
        format!("it took more than {} MiB of memory, the kernel's for it included", MEMORY >> 20)
    }
}

/// Moves this process into a cgroup, between fork and exec.
pub(super) fn join(way_in: i32) -> io::Result<()> {
    // SAFETY: reads a byte that lives; the descriptor is open, or the call fails.
    match Errno::result(unsafe { libc::write(way_in, c"0".as_ptr().cast(), 1) }) {
        // Before Linux 5.16 and the stable kernels of its time, the kernel checks the
        // rights of the process that writes, not those of the one that opened the file.
        // The other limits remain there. A submission can't cause this error.
        Ok(_) | Err(Errno::EACCES | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Returns the folder of this process's cgroup.
fn own_cgroup() -> Result<PathBuf, String> {
    let lines = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    folder_of(&lines, &mounts).ok_or_else(|| "no cgroups of version 2 are mounted here".to_string())
}

/// Returns the folder from the texts of `/proc/self/cgroup` and mountinfo
/// (proc(5)).
fn folder_of(lines: &str, mounts: &str) -> Option<PathBuf> {
    let own = lines.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let [_, _, _, root, at, ..] = mount.split(' ').collect::<Vec<_>>()[..] else { return None };
        let below = Path::new(own).strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ").then(|| Path::new(at).join(below))
    })
}

/// Tells whether this user may create cgroups in this one and move processes between
/// them, and whether those have the controllers that are needed.
fn passes_on(folder: &Path) -> bool {
    let controllers = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
    let has = |name: &str| controllers.split_whitespace().any(|controller| controller == name);
    let may_write = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
    has("memory") && has("pids") && may_write(folder) && may_write(&folder.join("cgroup.procs"))
}

/// Removes the folders that killed nslab processes have left.
fn remove_deserted(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse().ok());
        let Some(pid) = pid.map(Pid::from_raw) else { continue };
        if nix::sys::signal::kill(pid, None) != Err(Errno::ESRCH) {
            continue;
        }
        for inner in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(inner.path());
        }
        let _ = fs::remove_dir(entry.path());
    }
}

fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBUSY)
}

/// Returns a number from lines of a name and a number each.
fn count(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_cgroup_is_found() {
        let mounts = "25 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = "0::/user.slice/user-0.slice/session-1.scope\n";
        let found = folder_of(own, mounts).unwrap();
        assert_eq!(found, Path::new("/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope"));
        // In a container that sees only a part of the tree.
        let part = "25 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(folder_of("0::/docker/abc\n", part).unwrap(), Path::new("/sys/fs/cgroup"));
        assert_eq!(folder_of("0::/\n", part), None);
        // Only version 1.
        assert_eq!(
            folder_of("4:memory:/a\n", "30 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"),
            None
        );
    }

    #[test]
    fn events_are_counted() {
        let text = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!((count(text, "oom_kill"), count(text, "oom"), count(text, "none")), (2, 3, 0));
    }
}
