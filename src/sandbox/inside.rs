//! Operations that must run inside the sandbox's namespaces.

use super::booth::Booth;
use super::cgroup::Share;
use super::error::SandboxError;
use super::hand::Hand;
use super::house;
use super::message::Ask;
use super::wire::Wire;
use crate::net::{Cleared, Exit, Expected, Placed, Program, Rooms, RoomsError, Started, are_same};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use nix::unistd::Pid;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// The engine's lines to the processes that act inside.
#[derive(Debug)]
pub struct Inside {
    hand: Hand,
    init: Pid,
    house: OnceCell<House>,
    furnished: Cell<bool>,
    /// Whether a submission is running.
    confined: Cell<bool>,
    /// The booth, in a lab with a submission.
    booth: OnceCell<Booth>,
    /// The booth's share of the machine, if it has one to give.
    share: Option<Share>,
    /// The reason why there is no booth.
    no_booth: OnceCell<RoomsError>,
    /// The number of created namespaces.
    made: Cell<usize>,
    /// The latest additional instance of proc(5), if any.
    proc: RefCell<Option<OwnedFd>>,
}

/// The number of namespaces that share an instance of proc(5).
///
/// Below `/proc/sys/net`, the kernel searches for a namespace's entry among those
/// of all namespaces that were looked up in the same instance.
const SHARE_PROC: usize = 64;

/// The folder with the names of network namespaces.
const NAMES: &str = "/run/netns";
/// The most names that are taken over from a submission.
const MOST_NAMES: usize = 1000;

#[derive(Debug)]
struct House {
    root: OwnedFd,
    host: RefCell<OwnedFd>,
}

impl Inside {
    pub(super) fn new(wire: Wire, init: Pid, share: Option<Share>) -> Self {
        let (house, furnished, confined, booth, no_booth, made, proc) = Default::default();
        Self { hand: Hand::new(wire), init, house, furnished, confined, booth, share, no_booth, made, proc }
    }

    pub(super) fn init(&self) -> Pid {
        self.init
    }

    /// Waits until the init has built its house, and verifies it.
    pub(super) fn await_house(&self) -> Result<(), SandboxError> {
        let (root, host) = self.hand.await_house()?;
        house::inspect(root.as_fd())?;
        let _ = self.house.set(House { root, host: host.into() });
        Ok(())
    }

    fn house(&self) -> &House {
        self.house.get().expect("the house was awaited")
    }

    /// Returns the booth, while the submission runs.
    fn booth(&self) -> Option<&Booth> {
        self.booth.get().filter(|_| self.confined.get())
    }

    /// Starts a booth, which owns the lab's network namespaces.
    fn new_booth(&self, namespaces: usize) -> Result<(), RoomsError> {
        // The booth copies from a furnished root.
        self.furnish()?;
        let booth = Booth::new(&self.hand, self.share.as_ref())?;
        booth.hand().tell(&Ask::Expect { namespaces });
        let (_, host) = booth.hand().ask(&Ask::Host, &[])?;
        let host = host.ok_or_else(no_netns)?;
        self.hand.ask(&Ask::MoveHost, &[host.as_fd()])?;
        self.house().host.replace(host);
        let _ = self.booth.set(booth);
        Ok(())
    }

    /// Returns the line to the process that acts now: the warden's while the
    /// submission runs, else the init's.
    fn here(&self) -> &Hand {
        self.booth().map_or(&self.hand, Booth::hand)
    }

    /// Returns the network namespaces with names below `/run/netns`, as seen
    /// here.
    fn named_here(&self) -> BTreeMap<String, OwnedFd> {
        let folder = Path::new(NAMES);
        let listed = self.open(folder, OFlag::O_RDONLY | OFlag::O_DIRECTORY).and_then(nix::dir::Dir::from_fd);
        let Ok(mut listed) = listed else { return BTreeMap::new() };
        let names =
            listed.iter().filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_string()));
        let named = names.take(MOST_NAMES).filter_map(|name| {
            // A program may have put anything there.
            let fd = self.open(&folder.join(&name), OFlag::O_RDONLY | OFlag::O_NONBLOCK).ok()?;
            is_netns(&fd).then_some((name, fd))
        });
        named.collect()
    }

    /// Makes these names the ones below `/run/netns` here.
    fn name_here(&self, wanted: &BTreeMap<String, OwnedFd>) -> Result<(), RoomsError> {
        let known = self.named_here();
        let kept = |name: &String, fd: &OwnedFd| wanted.get(name).is_some_and(|other| are_same(fd, other));
        for (name, _) in known.iter().filter(|(name, fd)| !kept(name, fd)) {
            self.here().ask(&Ask::DeleteNetns { name: name.clone() }, &[])?;
        }
        for (name, fd) in
            wanted.iter().filter(|(name, fd)| !known.get(*name).is_some_and(|known| are_same(fd, known)))
        {
            self.here().ask(&Ask::NameNetns { name: name.clone() }, &[fd.as_fd()])?;
        }
        Ok(())
    }

    /// Returns the line to the process that started a program.
    fn hand_of(&self, program: Started) -> &Hand {
        match (program.confined, self.booth.get()) {
            (true, Some(booth)) => booth.hand(),
            _ => &self.hand,
        }
    }
}

impl Rooms for Inside {
    fn host(&self) -> OwnedFd {
        self.house().host.borrow().try_clone().expect("a descriptor can be duplicated")
    }

    fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        // The kernel's settings are the same everywhere, and no program can have
        // mounted anything over the init's.
        let everybodys = path.starts_with("/proc/sys");
        if let Some(booth) = self.booth().filter(|_| !everybodys) {
            return booth.open(path, flags);
        }
        // Before the first program, a house has only these folders.
        let bare =
            everybodys || ["/etc", "/proc", "/run", "/sys", "/tmp"].iter().any(|kept| path.starts_with(kept));
        if !bare {
            self.furnish().map_err(|error| Errno::from_raw(error.errno))?;
        }
        let proc = self.proc.borrow();
        let (root, path) = match (&*proc, path.strip_prefix("/proc")) {
            (Some(proc), Ok(below)) if below.starts_with("sys") => (proc, below),
            _ => (&self.house().root, path.strip_prefix("/").unwrap_or(path)),
        };
        // Resolved in the sandbox's root: a program's symbolic link leads to the
        // same file as inside.
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(root, path, how)
    }

    fn furnish(&self) -> Result<(), RoomsError> {
        if !self.furnished.get() {
            self.hand.ask(&Ask::Furnish, &[])?;
            self.furnished.set(true);
        }
        Ok(())
    }

    fn expect(&self, Expected { namespaces, submission }: Expected) {
        if !submission {
            self.hand.tell(&Ask::Expect { namespaces });
        } else if let Err(error) = self.new_booth(namespaces) {
            // The lab runs up to the submission; checks after it are not
            // measured.
            let _ = self.no_booth.set(error);
        }
    }

    fn new_netns(&self, name: &str) -> Result<OwnedFd, RoomsError> {
        let fd = match self.booth.get() {
            None => self.hand.ask(&Ask::NewNetns { name: name.into() }, &[])?.1,
            Some(booth) => {
                let fd = booth.hand().ask(&Ask::MakeNetns, &[])?.1.ok_or_else(no_netns)?;
                self.here().ask(&Ask::NameNetns { name: name.into() }, &[fd.as_fd()])?;
                Some(fd)
            }
        };
        self.made.set(self.made.get() + 1);
        if self.made.get().is_multiple_of(SHARE_PROC) {
            let (_, proc) = self.hand.ask(&Ask::NewProc, &[])?;
            self.proc.replace(proc);
        }
        fd.ok_or_else(no_netns)
    }

    fn delete_netns(&self, name: &str) -> Result<(), RoomsError> {
        self.here().ask(&Ask::DeleteNetns { name: name.into() }, &[]).map(drop)
    }

    fn place(&self, files: &[Placed]) -> Result<(), RoomsError> {
        self.here().ask(&Ask::Place { files: files.to_vec() }, &[]).map(drop)
    }

    fn start(
        &self,
        program: &Program,
        netns: Option<BorrowedFd>,
        out: BorrowedFd,
        err: BorrowedFd,
    ) -> Result<Started, RoomsError> {
        let fds: Vec<BorrowedFd> = [out, err].into_iter().chain(netns).collect();
        let confined = self.booth().is_some();
        Ok(Started { pid: self.here().start(program, &fds)?, confined })
    }

    fn kill(&self, program: Started, signal: i32) -> Result<(), RoomsError> {
        self.hand_of(program).ask(&Ask::Kill { pid: program.pid, signal }, &[]).map(drop)
    }

    fn exit_of(&self, program: Started, deadline: Option<Instant>) -> Option<Exit> {
        self.hand_of(program).exit_of(program.pid, deadline)
    }

    fn confine(&self, confined: bool) -> Result<(), RoomsError> {
        if confined == self.confined.get() {
            return Ok(());
        }
        let booth = self.booth.get().ok_or_else(|| {
            self.no_booth.get().cloned().unwrap_or(RoomsError {
                step: "make a booth for a submission that was not announced".into(),
                errno: libc::ENOENT,
            })
        })?;
        if confined {
            booth.move_in(&self.hand)?;
        } else {
            match booth.files_of_names() {
                Ok(files) => drop(self.hand.ask(&Ask::Adopt { files }, &[])?),
                // The submission itself has caused this, so its programs are
                // killed, but it is judged.
                Err(reason) => self.clear(&reason),
            }
        }
        // The judge and the submission each have their own `/run/netns`: names
        // set in one are copied to the other at each change of turn.
        let names = self.named_here();
        self.confined.set(confined);
        self.name_here(&names)
    }

    fn clear(&self, reason: &str) {
        if let Some(booth) = self.booth.get() {
            booth.hand().tell(&Ask::Clear { reason: reason.into() });
        }
    }

    fn why_cleared(&self) -> Option<Cleared> {
        self.booth.get()?.hand().why_cleared()
    }

    fn made_namespaces(&self) -> Vec<OwnedFd> {
        self.booth.get().map(Booth::made_namespaces).unwrap_or_default()
    }

    fn hold(&self) {
        if let Some(booth) = self.booth.get() {
            booth.hold();
        }
    }

    fn let_go(&self) -> bool {
        self.booth.get().is_none_or(Booth::let_go)
    }

    fn freeze(&self, services: &[String]) -> Result<(), RoomsError> {
        self.booth.get().map_or(Ok(()), |booth| booth.freeze(&self.hand, services))
    }

    fn events(&self) -> BorrowedFd<'_> {
        self.booth.get().map_or(self.hand.as_fd(), Booth::events)
    }
}

fn no_netns() -> RoomsError {
    RoomsError { step: "receive a network namespace".into(), errno: libc::EBADF }
}

/// Tells whether this is a network namespace (ioctl_ns(2)).
fn is_netns(fd: &OwnedFd) -> bool {
    let is_namespace = fstatfs(fd).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC);
    // SAFETY: takes no argument; the descriptor is open.
    is_namespace && unsafe { libc::ioctl(fd.as_raw_fd(), libc::NS_GET_NSTYPE as _) } == libc::CLONE_NEWNET
}
