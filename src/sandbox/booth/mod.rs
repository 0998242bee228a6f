//! The booth of a submission: an untrusted part of the sandbox that sees nothing
//! of the rest.
//!
//! ```text
//! engine ── init          trusted; the judge's programs are its children
//!           ├─ doorman    decides about calls that a filter can't judge
//!           └─ warden     PID 1 of the booth: starts the submission's
//!              └─ …       programs, kills them, and watches their resources
//! ```
//!
//! The booth has its own user, mount, PID, UTS and IPC namespaces, and a root
//! with nothing but the files that programs need ([`walls`]). Its programs have
//! fewer capabilities ([`bounds`]), can't use all system calls ([`filter`],
//! [`doorman`]), and are killed if they take too much memory ([`watch`]). The
//! network namespaces are the lab's own, because a submission must change them.
//! So they belong to the booth's user namespace, and the warden creates them, the
//! host's included. The warden moves into its root when the submission arrives.

pub(super) mod bounds;
mod calls;
pub(super) mod doorman;
mod filter;
pub(super) mod freeze;
mod new_mount;
mod stat;
mod still;
mod walls;
pub(super) mod warden;
pub(super) mod watch;

use self::still::Stills;
use super::cgroup::Share;
use super::error::SandboxError;
use super::hand::Hand;
use super::house;
use super::message::Ask;
use super::wire::Wire;
use crate::net::RoomsError;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::stat::fstat;
use nix::sys::statfs::{PROC_SUPER_MAGIC, TMPFS_MAGIC, fstatfs};
use std::cell::{OnceCell, RefCell};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// The files of `/etc` for looking up names. The submission's versions also apply
/// to the judge's programs. Nothing else of its `/etc` does: an `ld.so.preload`
/// would run its code in them.
const OF_NAMES: [&str; 5] = ["hosts", "resolv.conf", "nsswitch.conf", "host.conf", "gai.conf"];

/// The most bytes and files that are taken over together.
const MOST: u64 = 1 << 20;
const MOST_FILES: usize = 1000;

/// The engine's access to the booth.
#[derive(Debug)]
pub(super) struct Booth {
    hand: Hand,
    room: OnceCell<Room>,
    /// Becomes readable when a program ends, in the booth or outside.
    events: Epoll,
}

/// The booth's root, once a submission has arrived.
#[derive(Debug)]
struct Room {
    root: OwnedFd,
    proc: OwnedFd,
    /// The line on which the doorman reports network namespaces.
    doorman: Wire,
    /// Set while all programs must stand still.
    stills: RefCell<Option<Stills>>,
}

impl Booth {
    /// Has the init start the warden, which gets a share of the machine.
    pub fn new(init: &Hand, share: Option<&Share>) -> Result<Self, RoomsError> {
        let share = share.map(Share::descriptors);
        let (_, wire) = init.ask(&Ask::NewBooth, share.as_ref().map_or(&[], |fds| fds))?;
        let hand = Hand::new(Wire::new(wire.ok_or_else(|| failed(Errno::EBADF))?));
        let events = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        for fd in [init.as_fd(), hand.as_fd()] {
            events.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0)).map_err(failed)?;
        }
        Ok(Self { hand, room: OnceCell::new(), events })
    }

    /// Creates the booth's root, once, and verifies it.
    pub fn move_in(&self, init: &Hand) -> Result<(), RoomsError> {
        if self.room.get().is_some() {
            return Ok(());
        }
        let pair = || Wire::pair().map_err(|_| failed(Errno::EMFILE));
        let ((doorman, engines), (to_warden, to_doorman)) = (pair()?, pair()?);
        init.ask(&Ask::NewDoorman, &[engines.as_fd(), to_warden.as_fd()])?;
        let (_, root) = self.hand.ask(&Ask::MoveIn, &[to_doorman.as_fd()])?;
        let root = root.ok_or_else(|| failed(Errno::EBADF))?;
        // No program can have mounted anything over it yet.
        let folder = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let proc = OpenHow::new().flags(folder).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        let proc = openat2(&root, "proc", proc).map_err(failed)?;
        let refused = |error: SandboxError| RoomsError { step: error.step, errno: error.errno };
        house::is_of_its_own(&root, "/", TMPFS_MAGIC).map_err(refused)?;
        house::is_of_its_own(&proc, "/proc", PROC_SUPER_MAGIC).map_err(refused)?;
        let _ = self.room.set(Room { root, proc, doorman, stills: RefCell::default() });
        Ok(())
    }

    /// Stops all programs of the booth.
    pub fn hold(&self) {
        let Some(room) = self.room.get() else { return };
        // If the booth is gone, so are its programs.
        let _ = self.hand.ask(&Ask::Hold { held: true }, &[]);
        room.stills.replace(Some(Stills::await_all(room.proc.as_fd())));
    }

    /// Lets the programs go on. Tells whether all stood still until then.
    pub fn let_go(&self) -> bool {
        let Some(room) = self.room.get() else { return true };
        let stood = room.stills.take().is_some_and(|stills| stills.hold(room.proc.as_fd()));
        let _ = self.hand.ask(&Ask::Hold { held: false }, &[]);
        stood
    }

    /// Freezes all but some services, for good.
    pub fn freeze(&self, init: &Hand, services: &[String]) -> Result<(), RoomsError> {
        if self.room.get().is_some() {
            let _ = self.hand.ask(&Ask::Hold { held: true }, &[]);
            init.ask(&Ask::Freeze { services: services.to_vec() }, &[])?;
        }
        Ok(())
    }

    /// Returns the network namespaces that programs of the booth have created
    /// since the last call, with a name or without.
    pub fn made_namespaces(&self) -> Vec<OwnedFd> {
        let mut made = Vec::new();
        while let Some(room) = self.room.get()
            && room.doorman.wait_until(Instant::now()).unwrap_or(false)
            && let Ok(Some(((), fds))) = room.doorman.receive_with()
        {
            made.extend(fds);
        }
        made
    }

    /// Returns the line to the warden.
    pub fn hand(&self) -> &Hand {
        &self.hand
    }

    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.0.as_fd()
    }

    /// Opens a file as the submission sees it, without blocking.
    pub fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let room = self.room.get().ok_or(Errno::ENOENT)?;
        match path.strip_prefix("/proc") {
            // The kernel's own file, not one that the submission has mounted over
            // it.
            Ok(below) => {
                let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
                let how = OpenHow::new().flags(flags).resolve(inside | ResolveFlag::RESOLVE_NO_XDEV);
                openat2(&room.proc, below, how)
            }
            Err(_) => {
                let path = path.strip_prefix("/").unwrap_or(path);
                openat2(&room.root, path, OpenHow::new().flags(flags).resolve(inside))
            }
        }
    }

    /// Returns the files for looking up names, below `/etc`: their content, and
    /// which are missing. The error is the reason why they are not taken over.
    pub fn files_of_names(&self) -> Result<Vec<(String, Option<String>)>, String> {
        let mut files: Vec<_> = OF_NAMES.iter().map(|name| (name.to_string(), self.read(name))).collect();
        for netns in self.folder("netns") {
            for name in OF_NAMES {
                let path = format!("netns/{netns}/{name}");
                if let Some(text) = self.read(&path) {
                    files.push((path, Some(text)));
                }
                let bytes: u64 = files.iter().filter_map(|(_, text)| Some(text.as_ref()?.len() as u64)).sum();
                if bytes > MOST || files.len() > MOST_FILES {
                    let most = MOST >> 20;
                    return Err(format!(
                        "its files of names take more than {most} MiB, or are more than {MOST_FILES}"
                    ));
                }
            }
        }
        Ok(files)
    }

    fn read(&self, name: &str) -> Option<String> {
        let file = self.open(&Path::new("/etc").join(name), OFlag::O_RDONLY).ok()?;
        // Only regular files on tmpfs: reading the kernel's files would use the
        // engine's rights.
        let kept = fstatfs(&file).ok()?.filesystem_type() == TMPFS_MAGIC;
        let plain = fstat(&file).ok()?.st_mode & libc::S_IFMT == libc::S_IFREG;
        let mut bytes = Vec::new();
        File::from(file).take(MOST).read_to_end(&mut bytes).ok().filter(|_| kept && plain)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the names in a folder below `/etc`.
    fn folder(&self, name: &str) -> Vec<String> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let folder = self.open(&Path::new("/etc").join(name), flags).and_then(nix::dir::Dir::from_fd);
        let Ok(mut folder) = folder else { return Vec::new() };
        let names =
            folder.iter().filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_string()));
        let names = names.filter(|name| name != "." && name != "..");
        names.take(MOST_FILES).collect()
    }
}

fn failed(errno: Errno) -> RoomsError {
    RoomsError { step: "make a booth".into(), errno: errno as i32 }
}
