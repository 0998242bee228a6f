//! The child half, third part: PID 1 of the inner namespaces. It makes the
//! house, makes namespaces, starts programs and buries the dead.
//!
//! It is the engine's hand inside, and trusted: nothing in there can signal
//! it (PID 1 is safe from its own namespace) or trace it (not dumpable, and
//! its memory belongs to the user namespace outside).

use super::inside::{Ask, Tell};
use super::launcher::{close_all_but, die_with_parent, map_root};
use super::wire::Wire;
use super::{SandboxError, begin, house};
use crate::net::{Exit, Placed, Program};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg, sigprocmask};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Serves the engine until it is gone.
pub(super) fn run(wire: Wire) -> ! {
    if let Err(error) = Init::new(wire).and_then(|mut init| init.serve()) {
        let _ = error;
    }
    // SAFETY: ends this process, and with it everything in its pid namespace.
    unsafe { libc::_exit(0) }
}

/// How many network namespaces are made ahead. To make one takes the kernel
/// half a millisecond, in which a lab is still being read; nearly every lab
/// has two.
const SPARES: usize = 2;

/// Who has asked for so many will ask for more, and gets each made ahead.
const MANY: usize = 8;

struct Init {
    wire: Wire,
    deaths: OwnedFd,
    host: OwnedFd,
    furnished: bool,
    /// Network namespaces made ahead, while nobody asked for anything.
    spares: Vec<OwnedFd>,
    to_spare: usize,
    /// How many namespaces were asked for.
    asked: usize,
    /// The programs that the engine waits for.
    started: HashSet<i32>,
}

/// What is refused: the step, and the kernel's error number.
pub(super) type Refused = (&'static str, Errno);

impl Init {
    fn new(wire: Wire) -> io::Result<Self> {
        die_with_parent();
        match prepare(&wire) {
            Ok((deaths, host)) => Ok(Self {
                wire,
                deaths,
                host,
                furnished: false,
                spares: Vec::new(),
                to_spare: SPARES,
                asked: 0,
                started: HashSet::new(),
            }),
            Err(error) => {
                wire.send(&Tell::Failed(error))?;
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let root = open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        self.wire.send_with(&Tell::Ready, &[root.as_fd(), self.host.as_fd()])?;
        drop(root);
        loop {
            let mut fds = [
                PollFd::new(self.wire.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.deaths.as_fd(), PollFlags::POLLIN),
            ];
            let patience = if self.to_spare > 0 { PollTimeout::ZERO } else { PollTimeout::NONE };
            match poll(&mut fds, patience) {
                Ok(0) => {
                    self.to_spare -= 1;
                    self.spares.extend(self.elsewhere(unshare_net).ok());
                    continue;
                }
                Err(error) if error != Errno::EINTR => return Err(error.into()),
                _ => {}
            }
            let (asked, died) = (fds[0].any() == Some(true), fds[1].any() == Some(true));
            if died {
                self.bury()?;
            }
            if asked {
                let Some((ask, fds)) = self.wire.receive_with::<Ask>()? else { return Ok(()) };
                self.answer(ask, fds)?;
            }
        }
    }

    fn answer(&mut self, ask: Ask, fds: Vec<OwnedFd>) -> io::Result<()> {
        let result = match ask {
            Ask::Expect { namespaces } => {
                self.to_spare += namespaces.clamp(SPARES, MANY) - SPARES;
                return Ok(());
            }
            Ask::NewNetns { name } => match self.new_netns(&name) {
                Ok(fd) => return self.wire.send_with(&Tell::Done, &[fd.as_fd()]),
                Err(refused) => Err(refused),
            },
            Ask::NewProc => match house::another_proc() {
                Ok(fd) => return self.wire.send_with(&Tell::Done, &[fd.as_fd()]),
                Err(error) => {
                    let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
                    Err(("mount another /proc", errno))
                }
            },
            Ask::DeleteNetns { name } => delete_netns(&name).map(|()| Tell::Done),
            Ask::Furnish => self.furnish().map(|()| Tell::Done),
            Ask::Place { files } => self.place(&files).map(|()| Tell::Done),
            Ask::Start { program } => self.start(&program, fds).map(|pid| Tell::Started { pid }),
            Ask::Kill { pid, signal } => {
                let signal = Signal::try_from(signal).unwrap_or(Signal::SIGKILL);
                // The group: a shell's children end with the shell.
                let _ = killpg(Pid::from_raw(pid), signal);
                kill(Pid::from_raw(pid), signal).map_err(|errno| ("signal it", errno)).map(|()| Tell::Done)
            }
        };
        self.wire.send(
            &result.unwrap_or_else(|(step, errno)| Tell::Refused { step: step.into(), errno: errno as i32 }),
        )
    }

    /// Makes a namespace as `ip netns add` does: a file under `/run/netns`
    /// with the namespace mounted on it.
    fn new_netns(&mut self, name: &str) -> Result<OwnedFd, Refused> {
        self.asked += 1;
        self.to_spare += usize::from(self.asked >= MANY && self.spares.len() < SPARES);
        let path = netns_file(name);
        let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let step = "create its file under /run/netns";
        drop(open(&path, flags, Mode::empty()).map_err(|errno| (step, errno))?);
        let made = self.spares.pop().map_or_else(|| self.elsewhere(unshare_net), Ok).and_then(|fd| {
            let from = format!("/proc/self/fd/{}", fd.as_raw_fd());
            mount(Some(from.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                .map_err(|errno| ("mount it on its file", errno))?;
            Ok(fd)
        });
        if made.is_err() {
            let _ = fs::remove_file(&path);
        }
        made
    }

    /// Does something that leaves this process in another network namespace,
    /// and comes back.
    fn elsewhere<T>(&self, act: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
        let done = act();
        setns(&self.host, CloneFlags::CLONE_NEWNET).map_err(|errno| ("come back", errno))?;
        done
    }

    /// Makes sure that programs find what they need.
    fn furnish(&mut self) -> Result<(), Refused> {
        if !self.furnished {
            house::furnish().map_err(|error| ("furnish the sandbox", Errno::from_raw(error.errno)))?;
            self.furnished = true;
        }
        Ok(())
    }

    fn place(&mut self, files: &[Placed]) -> Result<(), Refused> {
        self.furnish()?;
        let failed = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        for file in files {
            house::place(file).map_err(|error| ("place a file", failed(error)))?;
        }
        Ok(())
    }

    fn start(&mut self, program: &Program, mut fds: Vec<OwnedFd>) -> Result<i32, Refused> {
        self.furnish()?;
        let (Some(err), Some(out)) = (fds.pop(), fds.pop()) else {
            return Err(("receive its output's descriptors", Errno::EBADF));
        };
        let pid = begin::program(program, out, err)?;
        self.started.insert(pid);
        Ok(pid)
    }

    /// Takes in the dead, those included whose parents have left them here.
    fn bury(&mut self) -> io::Result<()> {
        let mut signals = [0; 128 * 4];
        let _ = nix::unistd::read(&self.deaths, &mut signals);
        loop {
            let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                _ => continue,
            };
            // Nobody asked for the others.
            if self.started.remove(&pid.as_raw()) {
                self.wire.send(&Tell::Exited { pid: pid.as_raw(), exit })?;
            }
        }
    }
}

/// Makes a network namespace, in which this process then is.
fn unshare_net() -> Result<OwnedFd, Refused> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| ("create the namespace", errno))?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    open("/proc/thread-self/ns/net", flags, Mode::empty()).map_err(|errno| ("open it", errno))
}

/// Takes possession of the new namespaces.
fn prepare(wire: &Wire) -> Result<(OwnedFd, OwnedFd), SandboxError> {
    // The engine is root of the user namespace above.
    map_root(0, 0)?;
    close_all_but(wire.as_fd().as_raw_fd());
    house::build()?;
    let hostname = nix::unistd::sethostname("host");
    hostname.map_err(|errno| SandboxError::new("set the host name", errno))?;
    loopback_up().map_err(|error| SandboxError::io("set the host's lo up", &error))?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let host = open("/proc/thread-self/ns/net", flags, Mode::empty())
        .map_err(|errno| SandboxError::new("open the host's network namespace", errno))?;
    let mut child = SigSet::empty();
    child.add(Signal::SIGCHLD);
    let blocked = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&child), None);
    blocked.map_err(|errno| SandboxError::new("block SIGCHLD", errno))?;
    // SAFETY: the set lives through the call; the descriptor is new.
    let deaths = unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        libc::signalfd(-1, child.as_ref(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if deaths < 0 {
        return Err(SandboxError::new("watch for SIGCHLD", Errno::last()));
    }
    // SAFETY: signalfd has just made it.
    Ok((unsafe { OwnedFd::from_raw_fd(deaths) }, host))
}

/// Switches `lo` on, as it is on every host (netdevice(7)).
fn loopback_up() -> io::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: an all-zero ifreq is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: the request lives through the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(super) fn netns_file(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

fn delete_netns(name: &str) -> Result<(), Refused> {
    let path = netns_file(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        // Not mounted: a file that somebody left, which `ip` removes as well.
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(errno) => return Err(("unmount it", errno)),
    }
    fs::remove_file(&path)
        .map_err(|error| ("remove its file", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))))
}
