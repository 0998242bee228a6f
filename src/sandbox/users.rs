//! A user for each sandbox, if the machine has some to give.
//!
//! The kernel counts some resources per user of the machine, regardless of namespaces:
//! pages of pipes, descriptors in flight through sockets, epoll(7) watches. Sandboxes
//! that run as the same user compete for them. So the launcher's user namespace maps
//! many users of the machine, and each engine becomes a different one:
//!
//! - root uses numbers that systemd leaves free and `/etc/passwd` does not have;
//! - an ordinary user uses the range of `/etc/subuid` and `/etc/subgid`, mapped by
//!   newuidmap(1) and newgidmap(1). That takes some milliseconds, and is only done for
//!   [`For::Strangers`].
//!
//! If neither is possible, all sandboxes run as one user.

use super::error::SandboxError;
use super::house;
use super::kind::For;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, User, fork, getpid, pipe2, setgroups, setresgid, setresuid};
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// Numbers that systemd gives to nobody ("Users, Groups, UIDs and GIDs on systemd
/// Systems"). A container's usual map of 65,536 has them.
const FREE: Range<u32> = 60_706..61_184;
/// The most users that are mapped. Fewer sandboxes than that run at a time.
const MOST: u32 = 400;

/// The number of users in the launcher's user namespace beside root. Their IDs
/// start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Users(u32);

/// Drops root's rights, then becomes root of a new user namespace, which maps as many
/// users as possible.
pub(super) fn enter_namespace(sandboxes: For) -> Result<Users, SandboxError> {
    let givers = givers(sandboxes);
    let count = givers.as_ref().map_or(0, Givers::count);
    let nobody_special = match &givers {
        Some(Givers::Root(map)) => Some(map.root),
        _ => None,
    };
    // After `become_nobody_special` this process can't map them any more.
    let helper = givers.and_then(|givers| Helper::start(givers).ok());
    nobody_special.map_or(Ok(()), become_nobody_special)?;
    let (uid, gid) = (Uid::effective().as_raw(), Gid::effective().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(|errno| SandboxError::new("create a user namespace", errno))?;
    if helper.is_some_and(|helper| helper.maps()) {
        return Ok(Users(count));
    }
    map_root(uid, gid)?;
    Ok(Users(0))
}

impl Users {
    /// Changes the user of this process to the `nth` (modulo their count), which then is
    /// root of a user namespace of its own: what this process asks and tells of users
    /// has the same numbers as inside the sandbox. Tells whether there was such a user.
    pub fn become_one(self, nth: u32) -> Result<bool, SandboxError> {
        if self.0 == 0 {
            return Ok(false);
        }
        let user = 1 + nth % self.0;
        let failed = |errno| SandboxError::new("become the sandbox's own user", errno);
        // Some machines let nobody without capabilities create a user namespace. The new
        // one has the default again (`SECBIT_NO_SETUID_FIXUP` of capabilities(7)).
        let keep_capabilities: libc::c_ulong = 1 << 2;
        // SAFETY: takes numbers only.
        Errno::result(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, keep_capabilities, 0, 0, 0) })
            .map_err(failed)?;
        let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
        setresgid(gid, gid, gid).and_then(|()| setresuid(uid, uid, uid)).map_err(failed)?;
        be_dumpable();
        unshare(CloneFlags::CLONE_NEWUSER).map_err(failed)?;
        map_root(user, user)?;
        Ok(true)
    }
}

/// Turns root into this unused, unprivileged user.
///
/// If root itself were mapped into the sandbox, root there could write root's
/// files here, even with private mounts.
fn become_nobody_special(id: u32) -> Result<(), SandboxError> {
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    house::share_tun();
    setgroups(&[]).map_err(|errno| SandboxError::new("drop root's groups", errno))?;
    setresgid(gid, gid, gid).map_err(|errno| SandboxError::new("drop root's group", errno))?;
    setresuid(uid, uid, uid).map_err(|errno| SandboxError::new("stop being root", errno))?;
    be_dumpable();
    Ok(())
}

/// A change of user makes `/proc/self` unwritable (`PR_SET_DUMPABLE` of prctl(2)),
/// and maps of users are written there.
fn be_dumpable() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
}

/// Returns the longest range of free IDs that no user of this machine has.
fn longest_unused(passwd: &str) -> Range<u32> {
    let mut used: Vec<u32> = passwd.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect();
    used.retain(|id| FREE.contains(id));
    used.sort_unstable();
    let starts = std::iter::once(FREE.start).chain(used.iter().map(|id| id + 1));
    let ends = used.iter().copied().chain([FREE.end]);
    starts.zip(ends).map(|(start, end)| start..end).max_by_key(ExactSizeIterator::len).unwrap_or(FREE)
}

/// Tells whether a uid_map (user_namespaces(7)) has a single user.
fn maps_only_one(map: &str) -> bool {
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    counts.sum::<u64>() == 1
}

/// Writes the ID maps of this process's user namespace: root there is `uid` and
/// `gid` of the parent namespace.
pub(super) fn map_root(uid: u32, gid: u32) -> Result<(), SandboxError> {
    write_map("setgroups", "deny")?;
    write_map("uid_map", &format!("0 {uid} 1"))?;
    write_map("gid_map", &format!("0 {gid} 1"))
}

fn write_map(file: &str, text: &str) -> Result<(), SandboxError> {
    fs::write(format!("/proc/self/{file}"), text)
        .map_err(|error| SandboxError::io(format!("write /proc/self/{file}"), &error))
}

/// The way of mapping users.
#[derive(Debug)]
enum Givers {
    /// Root writes both maps itself.
    Root(Map),
    /// newuidmap(1) and newgidmap(1).
    Helpers { users: Map, groups: Map },
}

/// A map: the number that root has outside, and the numbers of the others.
#[derive(Debug)]
struct Map {
    root: u32,
    others: Range<u32>,
}

fn givers(sandboxes: For) -> Option<Givers> {
    if Uid::effective().is_root() {
        // In a user namespace that maps only root there is no other user, and
        // that root has no rights outside already.
        if fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| maps_only_one(&map)) {
            return None;
        }
        let mut others = longest_unused(&fs::read_to_string("/etc/passwd").unwrap_or_default());
        let root = others.next().unwrap_or(65_534);
        others.end = others.end.min(others.start + MOST);
        return Some(Givers::Root(Map { root, others }));
    }
    if sandboxes == For::Labs || which::which("newuidmap").and(which::which("newgidmap")).is_err() {
        return None;
    }
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let name = User::from_uid(uid).ok().flatten()?.name;
    let others = |file: &str| {
        let text = fs::read_to_string(file).ok()?;
        subordinate(&text, &[&name, &uid.to_string()])
    };
    Some(Givers::Helpers {
        users: Map { root: uid.as_raw(), others: others("/etc/subuid")? },
        groups: Map { root: gid.as_raw(), others: others("/etc/subgid")? },
    })
}

/// Returns the first range of a subuid(5) file that belongs to one of these
/// names, or its end if it is long: containers use its beginning.
fn subordinate(text: &str, names: &[&str]) -> Option<Range<u32>> {
    text.lines().find_map(|line| {
        let [name, start, count] = line.split(':').collect::<Vec<_>>()[..] else { return None };
        let (start, count) = (start.parse::<u32>().ok()?, count.trim_end().parse::<u32>().ok()?);
        let end = start.checked_add(count)?;
        (names.contains(&name) && count > 0).then(|| end - count.min(MOST)..end)
    })
}

impl Givers {
    /// Returns the number of users beside root.
    fn count(&self) -> u32 {
        match self {
            Self::Root(map) => map.others.len() as u32,
            Self::Helpers { users, groups } => users.others.len().min(groups.others.len()) as u32,
        }
    }

    /// Maps them into the user namespace of a process.
    fn map(&self, process: Pid) -> bool {
        let count = self.count();
        match self {
            Self::Root(Map { root, others }) => ["uid_map", "gid_map"].iter().all(|file| {
                let text = format!("0 {root} 1\n1 {} {count}\n", others.start);
                fs::write(format!("/proc/{process}/{file}"), text).is_ok()
            }),
            Self::Helpers { users, groups } => {
                [("newuidmap", users), ("newgidmap", groups)].iter().all(|(helper, Map { root, others })| {
                    let numbers = [process.as_raw() as u32, 0, *root, 1, 1, others.start, count];
                    let mut command = Command::new(helper);
                    command.args(numbers.map(|number| number.to_string())).stderr(Stdio::null());
                    command.status().is_ok_and(|status| status.success())
                })
            }
        }
    }
}

/// A process that keeps the old user's rights, and maps users into the new namespace.
struct Helper {
    pid: Pid,
    /// A byte written to it reports that the namespace exists.
    entered: OwnedFd,
}

impl Helper {
    fn start(givers: Givers) -> nix::Result<Self> {
        let launcher = getpid();
        let (wait, entered) = pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop(entered);
                // If the launcher has died, no byte arrives.
                let told = fs::File::from(wait).read(&mut [0]).is_ok_and(|length| length == 1);
                let mapped = told && givers.map(launcher);
                // SAFETY: ends the process; destructors are the launcher's.
                unsafe { libc::_exit(i32::from(!mapped)) }
            }
            ForkResult::Parent { child } => Ok(Self { pid: child, entered }),
        }
    }

    /// Makes the helper map the users. Tells whether it could.
    fn maps(self) -> bool {
        let told = write_map("setgroups", "deny").is_ok() && nix::unistd::write(&self.entered, b".").is_ok();
        drop(self.entered);
        loop {
            match waitpid(self.pid, None) {
                Err(Errno::EINTR) => {}
                ended => return told && matches!(ended, Ok(WaitStatus::Exited(_, 0))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_root_alone_is_seen() {
        assert!(maps_only_one("         0       1000          1\n"));
        assert!(!maps_only_one("         0          0 4294967295\n"));
        assert!(!maps_only_one("0 1000 1\n1 100000 65536\n"));
    }

    #[test]
    fn users_of_the_machine_are_left_out() {
        assert_eq!(longest_unused("root:x:0:0::/root:/bin/sh\n"), FREE);
        assert_eq!(longest_unused("a:x:60710:1:::\nb:x:61180:1:::\n"), 60_711..61_180);
        assert_eq!(longest_unused("no line\n::\n"), FREE);
    }

    #[test]
    fn subordinate_users_are_found_by_name_and_number() {
        let text = "# ours\nalice:100000:65536\n1001:200000:10\nbob:300000:0\nbob:4294967295:2\n";
        assert_eq!(subordinate(text, &["alice", "1000"]), Some(165_536 - MOST..165_536));
        assert_eq!(subordinate(text, &["carol", "1001"]), Some(200_000..200_010));
        assert_eq!(subordinate(text, &["bob", "1002"]), None);
    }
}
