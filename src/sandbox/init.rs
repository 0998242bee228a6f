//! The child half, third part: PID 1 of the inner namespaces. It builds the
//! house, creates namespaces, starts programs and reaps them.
//!
//! It acts inside for the engine, and is trusted. No process inside can signal it
//! (PID 1 is safe from its own namespace) or trace it (it is not dumpable, and
//! its memory belongs to the outer user namespace).

use super::begin::Whose;
use super::booth::bounds::limit_namespaces;
use super::booth::freeze::freeze;
use super::booth::watch::{EVERY, Watch};
use super::booth::{doorman, warden};
use super::cgroup::Share;
use super::error::{Refused, SandboxError, errno_of};
use super::message::{Ask, Tell};
use super::process::{close_all_but, die_with_parent, end};
use super::users::map_root;
use super::wire::Wire;
use super::{begin, house, lab_calls, mounts};
use crate::net::{Cleared, Exit, Placed, Program};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg, sigprocmask};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Serves the engine until it is gone.
pub(super) fn run(wire: Wire) -> ! {
    die_with_parent();
    let made = prepare(&wire).and_then(|()| Init::new());
    serve(wire, made)
}

/// Serves the engine with a new init, until the engine is gone; or reports why
/// there is none.
fn serve(wire: Wire, made: Result<(Init, [OwnedFd; 2]), SandboxError>) -> ! {
    match made {
        Ok((init, [first, second])) => {
            let ready = wire.send_with(&Tell::Ready, &[first.as_fd(), second.as_fd()]);
            drop((first, second));
            match ready {
                Ok(()) => init.serve(&wire),
                Err(_) => end(),
            }
        }
        Err(error) => drop(wire.send(&Tell::Failed(error))),
    }
    end()
}

/// Serves the engine in a booth's first process, until the engine is gone.
fn serve_booth(wire: &Wire, share: Option<Share>) -> Result<Infallible, SandboxError> {
    Init::of_booth(share)?.serve(wire)
}

/// The number of network namespaces created ahead. Creating one takes half a
/// millisecond, during which a lab is still being read. Nearly every lab has two.
const SPARES: usize = 2;

/// After this many requests, more will follow, and each gets one created ahead.
const MANY: usize = 8;

struct Init {
    deaths: OwnedFd,
    host: OwnedFd,
    furnished: bool,
    /// Network namespaces created ahead, while there was no request.
    spares: Vec<OwnedFd>,
    to_spare: usize,
    /// The number of requested namespaces.
    asked: usize,
    /// The programs that the engine waits for.
    started: HashSet<i32>,
    /// The first process of the booth, if there is one.
    warden: Option<Pid>,
    /// The additional state of a warden, if this is one.
    booth: Option<Warden>,
}

/// The additional state of a booth's first process.
struct Warden {
    /// Set once it has moved in.
    watch: Option<Watch>,
    /// The programs' share of the machine, if it has one to give.
    share: Option<Share>,
    /// The time of the next check, while there are programs to watch.
    look_at: Option<Instant>,
}

impl Init {
    /// Returns the sandbox's init, and what the engine gets from it: the root and
    /// the host's network namespace.
    fn new() -> Result<(Self, [OwnedFd; 2]), SandboxError> {
        let (deaths, host) = (watch_deaths()?, own_netns()?);
        let given = [open_folder("/")?, own_netns()?];
        let init = Self {
            deaths,
            host,
            furnished: false,
            spares: Vec::new(),
            to_spare: SPARES,
            asked: 0,
            started: HashSet::new(),
            warden: None,
            booth: None,
        };
        Ok((init, given))
    }

    /// Returns a booth's init, before it has moved in. It creates the lab's
    /// network namespaces, starting with the host's.
    fn of_booth(share: Option<Share>) -> Result<Self, SandboxError> {
        loopback_up().map_err(|error| SandboxError::io("set the host's lo up", &error))?;
        let (init, _) = Self::new()?;
        Ok(Self { furnished: true, booth: Some(Warden { watch: None, share, look_at: None }), ..init })
    }

    /// Serves the engine until it is gone.
    fn serve(mut self, wire: &Wire) -> ! {
        let _ = self.answer_all(wire);
        end()
    }

    fn start_doorman(&self, mut fds: Vec<OwnedFd>) -> Result<(), Refused> {
        match (fds.pop(), fds.pop(), self.warden) {
            (Some(warden), Some(engine), Some(pid)) => doorman::start(pid, engine, warden),
            _ => Err(("start the booth's doorman", Errno::EBADF)),
        }
    }

    /// Creates the booth's root, and returns it for the engine.
    fn move_in(&mut self, mut fds: Vec<OwnedFd>) -> Result<OwnedFd, SandboxError> {
        let doorman =
            fds.pop().ok_or_else(|| SandboxError::new("reach the booth's doorman", Errno::EBADF))?;
        warden::move_in(self.asked, doorman)?;
        let watch = Watch::new(open_folder("/")?, open_folder("/proc")?)
            .map_err(|error| SandboxError::io("watch over the booth", &error))?;
        let share = self.booth.take().and_then(|booth| booth.share);
        self.booth = Some(Warden { watch: Some(watch), share, look_at: None });
        open_folder("/")
    }

    fn answer_all(&mut self, wire: &Wire) -> io::Result<()> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        loop {
            let mut fds = [
                PollFd::new(wire.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.deaths.as_fd(), PollFlags::POLLIN),
            ];
            let patience = match &self.booth {
                _ if self.to_spare > 0 => PollTimeout::ZERO,
                Some(Warden { look_at: Some(at), .. }) => {
                    let left = at.saturating_duration_since(Instant::now());
                    PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::ZERO)
                }
                _ => PollTimeout::NONE,
            };
            match poll(&mut fds, patience) {
                Ok(0) if self.to_spare > 0 => {
                    self.to_spare -= 1;
                    self.spares.extend(self.elsewhere(unshare_net).ok());
                    continue;
                }
                Err(error) if error != Errno::EINTR => return Err(error.into()),
                _ => {}
            }
            let (asked, died) = (fds[0].any() == Some(true), fds[1].any() == Some(true));
            // Also while there are constant requests.
            self.watch(wire)?;
            if died {
                self.bury(wire)?;
            }
            if asked {
                let Some((ask, fds)) = wire.receive_with::<Ask>()? else { return Ok(()) };
                self.answer(wire, ask, fds)?;
            }
        }
    }

    /// Kills all programs of a booth if they take too much.
    fn watch(&mut self, wire: &Wire) -> io::Result<()> {
        let now = Instant::now();
        let Some(booth) = self.booth.as_mut().filter(|booth| booth.look_at.is_some_and(|at| now >= at))
        else {
            return Ok(());
        };
        let Some(watch) = &mut booth.watch else { return Ok(()) };
        let (somebody, ended) = watch.look(booth.share.as_ref());
        booth.look_at = somebody.then(|| now + EVERY);
        match ended {
            None => Ok(()),
            Some(cleared) => self.clear(wire, cleared),
        }
    }

    /// Kills all programs of a booth.
    fn clear(&self, wire: &Wire, cleared: Cleared) -> io::Result<()> {
        if self.booth.is_some() {
            // All but this process, in whatever session or group they are.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            wire.send(&Tell::Cleared(cleared))?;
        }
        Ok(())
    }

    fn answer(&mut self, wire: &Wire, ask: Ask, fds: Vec<OwnedFd>) -> io::Result<()> {
        let result = match ask {
            Ask::Expect { namespaces } => {
                self.to_spare += namespaces.clamp(SPARES, MANY) - SPARES;
                return Ok(());
            }
            Ask::Clear { reason } => return self.clear(wire, Cleared { reason, machine: false }),
            Ask::Hold { held } => {
                if self.booth.is_some() {
                    let signal = if held { Signal::SIGSTOP } else { Signal::SIGCONT };
                    // All at once, so that none of them can let another go on.
                    let _ = kill(Pid::from_raw(-1), signal);
                }
                Ok(Tell::Done)
            }
            Ask::Freeze { services } => {
                if let Some(warden) = self.warden {
                    freeze(warden, &services);
                }
                Ok(Tell::Done)
            }
            Ask::NewNetns { name } => {
                return give(wire, self.make_netns().and_then(|fd| name_netns(&name, &fd).map(|()| fd)));
            }
            Ask::MakeNetns => return give(wire, self.make_netns()),
            Ask::NameNetns { name } => {
                one_of(fds).and_then(|netns| name_netns(&name, &netns)).map(|()| Tell::Done)
            }
            Ask::Host => return give(wire, Ok(&self.host)),
            Ask::MoveHost => one_of(fds).and_then(|netns| self.move_host(netns)).map(|()| Tell::Done),
            Ask::NewProc => {
                let step = "mount another /proc";
                return give(wire, mounts::another_proc().map_err(|error| (step, errno_of(&error))));
            }
            Ask::DeleteNetns { name } => delete_netns(&name).map(|()| Tell::Done),
            Ask::Furnish => self.furnish().map(|()| Tell::Done),
            Ask::Place { files } => self.place(&files).map(|()| Tell::Done),
            Ask::Adopt { files } => house::adopt(&files)
                .map(|()| Tell::Done)
                .map_err(|error| ("take over the files of names", errno_of(&error))),
            Ask::NewBooth => {
                return give(
                    wire,
                    warden::start(Share::from_descriptors(fds), serve_booth).map(|(way, warden)| {
                        self.warden = Some(warden);
                        way
                    }),
                );
            }
            Ask::NewDoorman => self.start_doorman(fds).map(|()| Tell::Done),
            Ask::MoveIn => match self.move_in(fds) {
                Ok(root) => return wire.send_with(&Tell::Done, &[root.as_fd()]),
                Err(SandboxError { step, errno }) => return wire.send(&Tell::Refused { step, errno }),
            },
            Ask::Start { program } => self.start(&program, fds).map(|pid| Tell::Started { pid }),
            Ask::Kill { pid, signal } => {
                let signal = Signal::try_from(signal).unwrap_or(Signal::SIGKILL);
                // The whole group: a shell's children end with the shell.
                let _ = killpg(Pid::from_raw(pid), signal);
                kill(Pid::from_raw(pid), signal).map_err(|errno| ("signal it", errno)).map(|()| Tell::Done)
            }
        };
        wire.send(
            &result.unwrap_or_else(|(step, errno)| Tell::Refused { step: step.into(), errno: errno as i32 }),
        )
    }

    /// Creates a network namespace.
    fn make_netns(&mut self) -> Result<OwnedFd, Refused> {
        self.asked += 1;
        self.to_spare += usize::from(self.asked >= MANY && self.spares.len() < SPARES);
        if self.booth.as_ref().is_some_and(|booth| booth.watch.is_some()) {
            // The submission's namespaces must not count against the judge's.
            let _ = limit_namespaces(self.asked);
        }
        self.spares.pop().map_or_else(|| self.elsewhere(unshare_net), Ok)
    }

    /// Uses another network namespace as the host's. The namespaces created ahead
    /// are useless then.
    fn move_host(&mut self, netns: OwnedFd) -> Result<(), Refused> {
        setns(&netns, CloneFlags::CLONE_NEWNET).map_err(|errno| ("enter the host's namespace", errno))?;
        self.host = netns;
        self.spares.clear();
        self.to_spare = 0;
        Ok(())
    }

    /// Runs something that leaves this process in another network namespace, and
    /// returns to the host's.
    fn elsewhere<T>(&self, act: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
        let done = act();
        setns(&self.host, CloneFlags::CLONE_NEWNET).map_err(|errno| ("come back", errno))?;
        done
    }

    /// Makes sure that programs find what they need.
    fn furnish(&mut self) -> Result<(), Refused> {
        if !self.furnished {
            house::furnish().map_err(|error| ("furnish the sandbox", Errno::from_raw(error.errno)))?;
            // Before the filter, which fakes later attempts to set it.
            begin::dump_no_core().map_err(|error| ("limit core dumps", errno_of(&error)))?;
            // Without the filter, programs report the kernel's refusals.
            let _ = lab_calls::filter().put_on();
            self.furnished = true;
        }
        Ok(())
    }

    fn place(&mut self, files: &[Placed]) -> Result<(), Refused> {
        self.furnish()?;
        for file in files {
            house::place(file).map_err(|error| ("place a file", errno_of(&error)))?;
        }
        Ok(())
    }

    fn start(&mut self, program: &Program, mut fds: Vec<OwnedFd>) -> Result<i32, Refused> {
        self.furnish()?;
        let netns = if fds.len() > 2 { fds.pop() } else { None };
        let (Some(err), Some(out)) = (fds.pop(), fds.pop()) else {
            return Err(("receive its output's descriptors", Errno::EBADF));
        };
        let whose = match &self.booth {
            Some(booth) => Whose::Submitted(booth.share.as_ref()),
            None => Whose::Ours,
        };
        let pid = begin::program(program, netns, out, err, whose)?;
        if let Some(booth) = &mut self.booth {
            booth.look_at.get_or_insert(Instant::now() + EVERY);
        }
        self.started.insert(pid);
        Ok(pid)
    }

    /// Reaps children, orphans included.
    fn bury(&mut self, wire: &Wire) -> io::Result<()> {
        let mut signals = [0; 128 * 4];
        let _ = nix::unistd::read(&self.deaths, &mut signals);
        loop {
            let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                _ => continue,
            };
            // The engine waits for no others.
            if self.started.remove(&pid.as_raw()) {
                wire.send(&Tell::Exited { pid: pid.as_raw(), exit })?;
            }
        }
    }
}

/// Creates a network namespace and enters it.
fn unshare_net() -> Result<OwnedFd, Refused> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| ("create the namespace", errno))?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    open("/proc/thread-self/ns/net", flags, Mode::empty()).map_err(|errno| ("open it", errno))
}

/// Sets up the new namespaces.
fn prepare(wire: &Wire) -> Result<(), SandboxError> {
    // The engine is root of the user namespace above.
    map_root(0, 0)?;
    leave_keys()?;
    close_all_but(wire.as_fd().as_raw_fd());
    house::build()?;
    let hostname = nix::unistd::sethostname("host");
    hostname.map_err(|errno| SandboxError::new("set the host name", errno))?;
    loopback_up().map_err(|error| SandboxError::io("set the host's lo up", &error))
}

/// Joins a new, empty session keyring: a child inherits its parent's, whatever
/// its namespaces (session-keyring(7)).
fn leave_keys() -> Result<(), SandboxError> {
    let no_name = std::ptr::null::<libc::c_char>();
    // SAFETY: takes a number and no name.
    let joined = unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, no_name) };
    match Errno::result(joined) {
        // A kernel without keyrings, or a container that hides them.
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM | Errno::EACCES) => Ok(()),
        Err(errno) => Err(SandboxError::new("leave the session's keys", errno)),
    }
}

/// Returns the network namespace of this process.
fn own_netns() -> Result<OwnedFd, SandboxError> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    open("/proc/thread-self/ns/net", flags, Mode::empty())
        .map_err(|errno| SandboxError::new("open the host's network namespace", errno))
}

fn open_folder(path: &str) -> Result<OwnedFd, SandboxError> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| SandboxError::new(format!("open {path}"), errno))
}

/// Returns a descriptor that reports ended children, and makes this process not
/// dumpable.
fn watch_deaths() -> Result<OwnedFd, SandboxError> {
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
    Ok(unsafe { OwnedFd::from_raw_fd(deaths) })
}

/// Sets `lo` up, as on every host (netdevice(7)).
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

/// Creates the file of a namespace as `ip netns add` does: under `/run/netns`,
/// with the namespace mounted on it.
fn name_netns(name: &str, netns: &OwnedFd) -> Result<(), Refused> {
    let path = netns_file(name);
    let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let step = "create its file under /run/netns";
    drop(open(&path, flags, Mode::empty()).map_err(|errno| (step, errno))?);
    let from = format!("/proc/self/fd/{}", netns.as_raw_fd());
    let mounted = mount(Some(from.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>);
    mounted.map_err(|errno| {
        let _ = fs::remove_file(&path);
        ("mount it on its file", errno)
    })
}

/// Answers with a descriptor.
fn give<T: AsFd>(wire: &Wire, made: Result<T, Refused>) -> io::Result<()> {
    match made {
        Ok(made) => wire.send_with(&Tell::Done, &[made.as_fd()]),
        Err((step, errno)) => wire.send(&Tell::Refused { step: step.into(), errno: errno as i32 }),
    }
}

/// The descriptor that came with a question.
fn one_of(mut fds: Vec<OwnedFd>) -> Result<OwnedFd, Refused> {
    fds.pop().ok_or(("receive a namespace", Errno::EBADF))
}

fn netns_file(name: &str) -> PathBuf {
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
