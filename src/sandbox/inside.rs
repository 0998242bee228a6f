//! The engine's way inside: what only a process there can do.

use super::SandboxError;
use super::booth::Booth;
use super::hand::{Ask, Hand};
use super::house;
use super::wire::Wire;
use crate::net::{Cleared, Exit, Placed, Program, Rooms, RoomsError, Started};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::unistd::Pid;
use std::cell::{Cell, OnceCell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// The engine's end of the lines to those who act inside.
#[derive(Debug)]
pub struct Inside {
    hand: Hand,
    init: Pid,
    house: OnceCell<House>,
    furnished: Cell<bool>,
    /// Whether a submission is at work.
    confined: Cell<bool>,
    /// Where a submission is, once there was one.
    booth: OnceCell<Booth>,
    /// How many namespaces were made.
    made: Cell<usize>,
    /// The latest instance of proc(5), where there is another.
    proc: RefCell<Option<OwnedFd>>,
}

/// How many namespaces share an instance of proc(5).
///
/// Below `/proc/sys/net` the kernel looks for a namespace's own entry among
/// those of all the others that were looked up in the same instance.
const SHARE_PROC: usize = 64;

#[derive(Debug)]
struct House {
    root: OwnedFd,
    host: OwnedFd,
}

impl Inside {
    pub(super) fn new(wire: Wire, init: Pid) -> Self {
        let (house, furnished, confined, booth, made, proc) = Default::default();
        Self { hand: Hand::new(wire), init, house, furnished, confined, booth, made, proc }
    }

    pub(super) fn init(&self) -> Pid {
        self.init
    }

    /// Waits until the init has made its house, and looks that it is one.
    pub(super) fn await_house(&self) -> Result<(), SandboxError> {
        let (root, host) = self.hand.await_house()?;
        house::inspect(root.as_fd())?;
        let _ = self.house.set(House { root, host });
        Ok(())
    }

    fn house(&self) -> &House {
        self.house.get().expect("the house was awaited")
    }

    /// The booth, where what happens now happens there.
    fn booth(&self) -> Option<&Booth> {
        self.booth.get().filter(|_| self.confined.get())
    }

    /// The line to those who have started a program.
    fn hand_of(&self, program: Started) -> &Hand {
        match (program.confined, self.booth.get()) {
            (true, Some(booth)) => booth.hand(),
            _ => &self.hand,
        }
    }
}

impl Rooms for Inside {
    fn host(&self) -> OwnedFd {
        self.house().host.try_clone().expect("a descriptor can be duplicated")
    }

    fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        // The switches of the kernel and the names of namespaces are the same
        // everywhere, and nobody can have put anything over the init's.
        let everybodys = path.starts_with("/proc/sys") || path.starts_with("/run/netns");
        if let Some(booth) = self.booth().filter(|_| !everybodys) {
            return booth.open(path, flags);
        }
        // Before there is a program, a house has what these have, and no more.
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
        // In the root: a link that a program of the lab has made leads to
        // where it leads in there.
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

    fn expect(&self, namespaces: usize) {
        self.hand.tell(&Ask::Expect { namespaces });
    }

    fn new_netns(&self, name: &str) -> Result<OwnedFd, RoomsError> {
        let (_, fd) = self.hand.ask(&Ask::NewNetns { name: name.into() }, &[])?;
        self.made.set(self.made.get() + 1);
        if self.made.get().is_multiple_of(SHARE_PROC) {
            let (_, proc) = self.hand.ask(&Ask::NewProc, &[])?;
            self.proc.replace(proc);
        }
        fd.ok_or_else(|| RoomsError { step: "receive a network namespace".into(), errno: libc::EBADF })
    }

    fn delete_netns(&self, name: &str) -> Result<(), RoomsError> {
        self.hand.ask(&Ask::DeleteNetns { name: name.into() }, &[]).map(drop)
    }

    fn place(&self, files: &[Placed]) -> Result<(), RoomsError> {
        let hand = self.booth().map_or(&self.hand, Booth::hand);
        hand.ask(&Ask::Place { files: files.to_vec() }, &[]).map(drop)
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
        let hand = self.booth().map_or(&self.hand, Booth::hand);
        Ok(Started { pid: hand.start(program, &fds)?, confined })
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
        if confined {
            self.furnish()?;
            if self.booth.get().is_none() {
                let _ = self.booth.set(Booth::new(&self.hand)?);
            }
        } else if let Some(booth) = self.booth.get() {
            self.hand.ask(&Ask::Adopt { files: booth.files_of_names() }, &[])?;
        }
        self.confined.set(confined);
        Ok(())
    }

    fn clear(&self, reason: &str) {
        if let Some(booth) = self.booth.get() {
            booth.hand().tell(&Ask::Clear { reason: reason.into() });
        }
    }

    fn why_cleared(&self) -> Option<Cleared> {
        self.booth.get()?.hand().why_cleared()
    }

    fn hold(&self, held: bool) {
        if let Some(booth) = self.booth.get() {
            // Where the booth is gone, so are they.
            let _ = booth.hand().ask(&Ask::Hold { held }, &[]);
        }
    }

    fn events(&self) -> BorrowedFd<'_> {
        self.booth.get().map_or(self.hand.as_fd(), Booth::events)
    }
}
