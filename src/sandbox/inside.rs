//! The engine's way to its init: what only a process inside can do.

use super::SandboxError;
use super::house;
use super::wire::Wire;
use crate::net::{Exit, Placed, Program, Rooms, RoomsError};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// What the engine asks of the init.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// So many network namespaces will be asked for. Nothing is told.
    Expect { namespaces: usize },
    /// Make a network namespace, and its file under `/run/netns`.
    NewNetns { name: String },
    /// Remove that file; the namespace goes when nobody is in it.
    DeleteNetns { name: String },
    /// Make another instance of proc(5).
    NewProc,
    /// Fill `/etc` and `/dev`.
    Furnish,
    /// Put files there.
    Place { files: Vec<Placed> },
    /// Start a program. Its output goes to the two descriptors sent along.
    Start { program: Program },
    /// Send a signal to a process group.
    Kill { pid: i32, signal: i32 },
}

/// What the init tells the engine.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Tell {
    /// The house stands; its root and the host's network namespace come along.
    Ready,
    /// There is no house.
    Failed(SandboxError),
    /// Done; the descriptor of what is new comes along.
    Done,
    /// A program runs.
    Started { pid: i32 },
    /// Refused, with the kernel's error number.
    Refused { step: String, errno: i32 },
    /// A program that was started has ended.
    Exited { pid: i32, exit: Exit },
}

/// The engine's end of the line to its init.
#[derive(Debug)]
pub struct Inside {
    wire: Wire,
    init: Pid,
    house: RefCell<Option<House>>,
    exits: RefCell<HashMap<i32, Exit>>,
    furnished: Cell<bool>,
    /// Whether a submission is at work.
    confined: Cell<bool>,
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
        let (house, exits, furnished, confined, made, proc) = Default::default();
        Self { wire, init, house, exits, furnished, confined, made, proc }
    }

    pub(super) fn init(&self) -> Pid {
        self.init
    }

    /// Waits until the init has made its house, and looks that it is one.
    pub(super) fn await_house(&self) -> Result<(), SandboxError> {
        let step = "hear from the sandbox's first process";
        match self.wire.receive_with::<Tell>() {
            Ok(Some((Tell::Ready, mut fds))) if fds.len() == 2 => {
                let (host, root) = (fds.pop(), fds.pop());
                let (Some(root), Some(host)) = (root, host) else { unreachable!("two of them") };
                house::inspect(root.as_fd())?;
                self.house.replace(Some(House { root, host }));
                Ok(())
            }
            Ok(Some((Tell::Failed(error), _))) => Err(error),
            Ok(_) => Err(SandboxError::new(step, Errno::EPIPE)),
            Err(error) => Err(SandboxError::io(step, &error)),
        }
    }

    fn ask(&self, ask: &Ask, fds: &[BorrowedFd]) -> Result<(Tell, Option<OwnedFd>), RoomsError> {
        let lost = |_| RoomsError { step: "reach the sandbox's first process".into(), errno: libc::EPIPE };
        self.wire.send_with(ask, fds).map_err(lost)?;
        loop {
            let told = self.wire.receive_with::<Tell>().map_err(lost)?;
            match told.ok_or_else(|| lost(io::ErrorKind::BrokenPipe.into()))? {
                (Tell::Exited { pid, exit }, _) => {
                    self.exits.borrow_mut().insert(pid, exit);
                }
                (Tell::Refused { step, errno }, _) => return Err(RoomsError { step, errno }),
                (told, mut fds) => return Ok((told, fds.pop())),
            }
        }
    }
}

impl Rooms for Inside {
    fn host(&self) -> OwnedFd {
        let house = self.house.borrow();
        let house = house.as_ref().expect("the house was awaited");
        house.host.try_clone().expect("a descriptor can be duplicated")
    }

    fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let house = self.house.borrow();
        let house = house.as_ref().expect("the house was awaited");
        let proc = self.proc.borrow();
        let (root, path) = match (&*proc, path.strip_prefix("/proc")) {
            (Some(proc), Ok(below)) if below.starts_with("sys") => (proc, below),
            _ => (&house.root, path.strip_prefix("/").unwrap_or(path)),
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
            self.ask(&Ask::Furnish, &[])?;
            self.furnished.set(true);
        }
        Ok(())
    }

    fn expect(&self, namespaces: usize) {
        // Where it is lost, the next question says so.
        let _ = self.wire.send(&Ask::Expect { namespaces });
    }

    fn new_netns(&self, name: &str) -> Result<OwnedFd, RoomsError> {
        let (_, fd) = self.ask(&Ask::NewNetns { name: name.into() }, &[])?;
        self.made.set(self.made.get() + 1);
        if self.made.get().is_multiple_of(SHARE_PROC) {
            let (_, proc) = self.ask(&Ask::NewProc, &[])?;
            self.proc.replace(proc);
        }
        fd.ok_or_else(|| RoomsError { step: "receive a network namespace".into(), errno: libc::EBADF })
    }

    fn delete_netns(&self, name: &str) -> Result<(), RoomsError> {
        self.ask(&Ask::DeleteNetns { name: name.into() }, &[]).map(drop)
    }

    fn place(&self, files: &[Placed]) -> Result<(), RoomsError> {
        self.ask(&Ask::Place { files: files.to_vec() }, &[]).map(drop)
    }

    fn start(&self, program: &Program, out: BorrowedFd, err: BorrowedFd) -> Result<i32, RoomsError> {
        match self.ask(&Ask::Start { program: program.clone() }, &[out, err])? {
            (Tell::Started { pid }, _) => {
                // One that had this number before.
                self.exits.borrow_mut().remove(&pid);
                Ok(pid)
            }
            (other, _) => unreachable!("asked for a start, told {other:?}"),
        }
    }

    fn kill(&self, pid: i32, signal: i32) -> Result<(), RoomsError> {
        self.ask(&Ask::Kill { pid, signal }, &[]).map(drop)
    }

    fn exit_of(&self, pid: i32, deadline: Option<Instant>) -> Option<Exit> {
        loop {
            if let Some(exit) = self.exits.borrow().get(&pid) {
                return Some(exit.clone());
            }
            if !self.wire.wait_until(deadline.unwrap_or_else(Instant::now)).unwrap_or(false) {
                return None;
            }
            match self.wire.receive::<Tell>() {
                Ok(Some(Tell::Exited { pid, exit })) => {
                    self.exits.borrow_mut().insert(pid, exit);
                }
                _ => return None,
            }
        }
    }

    fn confine(&self, confined: bool) -> Result<(), RoomsError> {
        self.confined.set(confined);
        Ok(())
    }

    fn events(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}
