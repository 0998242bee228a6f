//! Starts a program in the sandbox, with its view of the system and its limits.

use super::booth::bounds;
use super::cgroup::{self, Share};
use super::error::Refused;
use super::mounts::special;
use super::process::at_most;
use crate::net::{MOST_PROCESSES, PATH, Program};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::resource::Resource;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::sys::stat::Mode;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The memory that a program may write to, in bytes.
const MEMORY: u64 = 1 << 30;

/// The owner of a program.
pub(super) enum Whose<'a> {
    /// A program of the lab, or of the judge.
    Ours,
    /// A program of a submission, in this cgroup if there is one.
    Submitted(Option<&'a Share>),
}

/// Starts a program with its output to the two descriptors, and returns its PID.
pub(super) fn program(
    program: &Program,
    netns: Option<OwnedFd>,
    out: OwnedFd,
    err: OwnedFd,
    whose: Whose,
) -> Result<i32, Refused> {
    let netns = match (&program.netns, netns) {
        (Some(name), Some(netns)) => Some((netns, Path::new("/etc/netns").join(name))),
        _ => None,
    };
    let view = View { netns, pid: program.pid };
    let mut command = Command::new(&program.argv[0]);
    command
        .args(&program.argv[1..])
        .env_clear()
        .envs([("PATH", PATH), ("HOME", "/tmp"), ("USER", "root"), ("LANG", "C.UTF-8"), ("TERM", "dumb")])
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        // Its own process group, so that all of it can be killed.
        .process_group(0);
    let confined = matches!(whose, Whose::Submitted(_));
    let cgroup = match whose {
        Whose::Submitted(Some(share)) => Some(share.way_in()),
        _ => None,
    };
    let count_processes = kernel_counts_processes();
    // SAFETY: between fork and exec of a process with one thread.
    unsafe {
        command.pre_exec(move || {
            cgroup.map_or(Ok(()), cgroup::join)?;
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
            hear_signals();
            // The init is not dumpable; the programs that it starts may be.
            libc::prctl(libc::PR_SET_DUMPABLE, 1);
            limit(count_processes)?;
            view.enter()?;
            if confined { bounds::limit(count_processes) } else { Ok(()) }
        });
    }
    let own = match program.pid {
        true => Some(new_pid_namespace().map_err(|errno| ("create its pid namespace", errno))?),
        false => None,
    };
    let started = command.spawn();
    if let Some(own) = own {
        setns(own, CloneFlags::CLONE_NEWPID).map_err(|errno| ("come back", errno))?;
    }
    match started {
        Ok(child) => Ok(child.id() as i32),
        Err(error) => Err(("execute it", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))),
    }
}

/// Resets all signals to their default actions: a parent that starts nslab in the
/// background may ignore Ctrl-C (`&` in a shell without job control), and
/// programs would inherit that.
fn hear_signals() {
    for one in Signal::iterator() {
        // The kernel refuses this for SIGKILL and SIGSTOP.
        // SAFETY: sets no handler.
        let _ = unsafe { signal(one, SigHandler::SigDfl) };
    }
}

/// Makes this process's next child the first of a new PID namespace. Returns the
/// current PID namespace, to return to.
fn new_pid_namespace() -> nix::Result<OwnedFd> {
    let own =
        open("/proc/self/ns/pid", OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
    unshare(CloneFlags::CLONE_NEWPID)?;
    Ok(own)
}

/// Tells whether the kernel counts a user's processes for each user namespace
/// separately (Linux 5.14). Before that, it also counted those outside.
fn kernel_counts_processes() -> bool {
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    let release = release.unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 14)
}

/// Sets the resource limits of a program.
fn limit(count_processes: bool) -> io::Result<()> {
    if count_processes {
        at_most(Resource::RLIMIT_NPROC, MOST_PROCESSES as u64)?;
    }
    at_most(Resource::RLIMIT_DATA, MEMORY)?;
    // If memory runs out anyway, the kernel kills these programs first.
    let file =
        fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open("/proc/self/oom_score_adj");
    let _ = file.and_then(|mut file| io::Write::write_all(&mut file, b"1000"));
    Ok(())
}

/// Stops the kernel from writing core dumps of this process and its children. The
/// limit is not zero: the kernel would then start the machine's own crash handler
/// (`RLIMIT_CORE` in its fs/coredump.c).
pub(super) fn dump_no_core() -> io::Result<()> {
    at_most(Resource::RLIMIT_CORE, 1)
}

/// The system as a program sees it.
struct View {
    /// Its network namespace, and the folder of files that replace those of
    /// `/etc`.
    netns: Option<(OwnedFd, PathBuf)>,
    /// Whether it gets a PID namespace of its own.
    pid: bool,
}

impl View {
    /// Enters a network namespace as `ip netns exec` does: with a `/sys` of that
    /// namespace, and with the files of `/etc/netns/<name>` mounted over those of
    /// `/etc`. A new PID namespace gets its own `/proc`, as with `unshare
    /// --mount-proc`.
    fn enter(&self) -> io::Result<()> {
        if self.netns.is_none() && !self.pid {
            return Ok(());
        }
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)?;
        if self.pid {
            special("proc", "/proc")?;
        }
        let Some((netns, etc)) = &self.netns else { return Ok(()) };
        setns(netns, CloneFlags::CLONE_NEWNET)?;
        umount2("/sys", MntFlags::MNT_DETACH)?;
        special("sysfs", "/sys")?;
        for file in fs::read_dir(etc).into_iter().flatten() {
            let file = file?;
            let over = Path::new("/etc").join(file.file_name());
            let bound = mount(Some(&file.path()), &over, None::<&str>, MsFlags::MS_BIND, None::<&str>);
            if let Err(errno) = bound {
                // `ip netns exec` prints this message and goes on.
                let from = file.path();
                eprintln!("Bind {} -> {} failed: {}", from.display(), over.display(), errno.desc());
            }
        }
        Ok(())
    }
}
