//! Starts a program inside, with what it sees and what it may take.

use super::booth::bounds;
use super::cgroup::{self, Share};
use super::init::Refused;
use super::mounts::special;
use crate::net::{MOST_PROCESSES, PATH, Program};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
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
    /// The lab's, or the judge's.
    Ours,
    /// A submission's, which has this share of the machine.
    Submitted(Option<&'a Share>),
}

/// Starts it, with its output to the two descriptors; gives its pid.
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
        // A group of its own, so that it can be ended whole.
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
            // The init hides itself; what it starts need not.
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

/// Takes no signal as its parent took it: who starts us in the background may
/// ignore Ctrl-C (`&` of a shell without job control), and so would a program.
fn hear_signals() {
    for one in Signal::iterator() {
        // The kernel refuses it for SIGKILL and SIGSTOP.
        // SAFETY: sets no handler.
        let _ = unsafe { signal(one, SigHandler::SigDfl) };
    }
}

/// Has this process's next child be the first of a new pid namespace; gives
/// the one to come back to.
fn new_pid_namespace() -> nix::Result<OwnedFd> {
    let own =
        open("/proc/self/ns/pid", OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
    unshare(CloneFlags::CLONE_NEWPID)?;
    Ok(own)
}

/// Tells whether the kernel counts a user's processes in each user namespace
/// alone (Linux 5.14). Before that, it would count those outside as well.
fn kernel_counts_processes() -> bool {
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    let release = release.unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 14)
}

/// What a program may take of the machine.
fn limit(count_processes: bool) -> io::Result<()> {
    if count_processes {
        at_most(Resource::RLIMIT_NPROC, MOST_PROCESSES as u64)?;
    }
    at_most(Resource::RLIMIT_DATA, MEMORY)?;
    // Where memory runs out all the same, these are the ones to end.
    let file =
        fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open("/proc/self/oom_score_adj");
    let _ = file.and_then(|mut file| io::Write::write_all(&mut file, b"1000"));
    Ok(())
}

/// Keeps the kernel from writing core dumps of this process and of all that it
/// will start. The limit is not zero: with that, the kernel would start the
/// machine's own handler of crashes (`RLIMIT_CORE` in its fs/coredump.c).
pub(super) fn dump_no_core() -> io::Result<()> {
    at_most(Resource::RLIMIT_CORE, 1)
}

pub(super) fn at_most(resource: Resource, most: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    Ok(setrlimit(resource, most.min(hard), most.min(hard))?)
}

/// What a program sees.
struct View {
    /// Its network namespace, and the files that it sees over those of `/etc`.
    netns: Option<(OwnedFd, PathBuf)>,
    /// Whether it has a pid namespace of its own.
    pid: bool,
}

impl View {
    /// Enters a network namespace as `ip netns exec` does: with a `/sys` that
    /// shows it, and with the files of `/etc/netns/<name>` over those of
    /// `/etc`. A new pid namespace has a `/proc` that shows it, as `unshare
    /// --mount-proc` makes it.
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
                // It says so and goes on, in these words.
                let from = file.path();
                eprintln!("Bind {} -> {} failed: {}", from.display(), over.display(), errno.desc());
            }
        }
        Ok(())
    }
}
