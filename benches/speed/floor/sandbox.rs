//! The parts that a lab's sandbox needs, without those that nslab adds for safety and
//! comfort: one user namespace in another, and a first process in namespaces of its own
//! with private mounts.

use crate::stages::{Failure, Stages};
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};
use std::fs;
use std::io;
use std::process::ExitCode;

/// The user that root becomes: unprivileged, and used by nobody. (nslab looks for such a
/// user, which costs a file read.)
const NOBODY_SPECIAL: u32 = 64_999;

/// Runs a lab in a sandbox: prepares, starts the sandbox's first process, in
/// which the lab happens, and waits for its end.
pub fn run(
    mut stages: Stages,
    timed: bool,
    lab: impl FnOnce(&mut Stages) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    stages.stage("stop being root", become_nobody_special)?;
    stages.stage("create the outer user namespace", || {
        let (uid, gid) = (geteuid(), getegid());
        unshare(CloneFlags::CLONE_NEWUSER)?;
        map_root(uid, gid)
    })?;
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC;
    // SAFETY: clone(2) without CLONE_VM is a fork, and this process has one
    // thread; the raw call because glibc's wants a stack.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, namespaces | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize) };
    match pid {
        0 => {
            let code = match enter(&mut stages).and_then(|()| lab(&mut stages)) {
                Ok(()) if timed => {
                    stages.tell();
                    0
                }
                Ok(()) => 0,
                Err(failure) => {
                    failure.tell();
                    1
                }
            };
            // SAFETY: ends this process, and with it the sandbox.
            unsafe { libc::_exit(code) }
        }
        -1 => Err(Failure { stage: "clone the first process", error: io::Error::last_os_error() }),
        pid => {
            let status = waitpid(Pid::from_raw(pid as i32), None)
                .map_err(|errno| Failure { stage: "wait for the first process", error: errno.into() })?;
            Ok(match status {
                WaitStatus::Exited(_, 0) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            })
        }
    }
}

/// The steps of the sandbox's first process before the lab.
fn enter(stages: &mut Stages) -> Result<(), Failure> {
    stages.stage("clone the first process", || map_root(Uid::from_raw(0), Gid::from_raw(0)))?;
    stages.stage("mount what is private", mount_private)
}

/// Root becomes an unprivileged user, so that root of the sandbox owns
/// nothing on this machine.
pub fn become_nobody_special() -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(NOBODY_SPECIAL), Gid::from_raw(NOBODY_SPECIAL));
    match setresgid(gid, gid, gid) {
        // In a user namespace that maps root alone there is nobody else to be.
        Err(Errno::EINVAL) => return Ok(()),
        result => result?,
    }
    setgroups(&[])?;
    setresuid(uid, uid, uid)?;
    // A change of user makes /proc/self unwritable, and the maps are there.
    prctl::set_dumpable(true)?;
    Ok(())
}

/// Makes root of this user namespace `uid` and `gid` of the one above.
fn map_root(uid: Uid, gid: Gid) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

fn mount_private() -> io::Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    for (kind, path) in
        [("tmpfs", "/run"), ("tmpfs", "/tmp"), ("tmpfs", "/etc"), ("proc", "/proc"), ("sysfs", "/sys")]
    {
        mount(Some(kind), path, Some(kind), flags, None::<&str>)
            .map_err(|errno| io::Error::other(format!("{path}: {}", errno.desc())))?;
    }
    fs::create_dir("/run/netns")
}
