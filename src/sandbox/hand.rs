//! The engine's line to a first process inside: the init's, or that of a
//! submission's booth.

use super::SandboxError;
#[cfg(doc)]
use super::cgroup::Share;
use super::wire::Wire;
use crate::net::{Cleared, Exit, Placed, Program, RoomsError};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// What the engine asks of a first process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// So many network namespaces will be asked for. Nothing is told.
    Expect { namespaces: usize },
    /// Make a network namespace, and its file under `/run/netns`.
    NewNetns { name: String },
    /// Make a network namespace that has no name.
    MakeNetns,
    /// Make a file under `/run/netns` for the namespace that comes along.
    NameNetns { name: String },
    /// Remove that file; the namespace goes when nobody is in it.
    DeleteNetns { name: String },
    /// Tell which network namespace is the host's.
    Host,
    /// From now on the host's is the one that comes along.
    MoveHost,
    /// Make another instance of proc(5).
    NewProc,
    /// Fill `/etc` and `/dev`.
    Furnish,
    /// Put files there.
    Place { files: Vec<Placed> },
    /// Have these files of `/etc` say this, or be gone.
    Adopt { files: Vec<(String, Option<String>)> },
    /// Start a program. Its output goes to the first two of the descriptors
    /// sent along; a third one is its network namespace.
    Start { program: Program },
    /// Send a signal to a process group.
    Kill { pid: i32, signal: i32 },
    /// End all programs of the booth. Nothing is told but that.
    Clear { reason: String },
    /// Have all programs of the booth stand still, or go on.
    Hold { held: bool },
    /// Freeze all programs of the booth but these services; they stand still.
    Freeze { services: Vec<String> },
    /// Start the first process of a submission's booth; the way to it comes
    /// along. Where descriptors are sent along, they are its [`Share`].
    NewBooth,
    /// Start the booth's doorman. The first of the descriptors sent along leads
    /// to the engine, the second to the warden.
    NewDoorman,
    /// Make the booth's root, and move in; the root comes along. What was sent
    /// along leads to the doorman.
    MoveIn,
}

/// What a first process tells the engine.
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
    /// All programs of the booth were ended.
    Cleared(Cleared),
}

/// How long an answer may take. Nobody in there can hold the first process
/// up for long; one who finds a way is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The engine's end of the line.
#[derive(Debug)]
pub(super) struct Hand {
    wire: Wire,
    exits: RefCell<HashMap<i32, Exit>>,
    ended: RefCell<Option<Cleared>>,
    /// Whether an answer was given up: whatever comes then is not understood.
    lost: Cell<bool>,
}

impl Hand {
    pub fn new(wire: Wire) -> Self {
        Self { wire, exits: RefCell::default(), ended: RefCell::default(), lost: Cell::default() }
    }

    /// Waits until the house stands; gives the two descriptors.
    pub fn await_house(&self) -> Result<(OwnedFd, OwnedFd), SandboxError> {
        let step = "hear from the sandbox's first process";
        match self.wire.receive_with::<Tell>() {
            Ok(Some((Tell::Ready, mut fds))) if fds.len() == 2 => {
                let (second, first) = (fds.pop(), fds.pop());
                let (Some(first), Some(second)) = (first, second) else { unreachable!("two of them") };
                Ok((first, second))
            }
            Ok(Some((Tell::Failed(error), _))) => Err(error),
            Ok(_) => Err(SandboxError::new(step, nix::Error::EPIPE)),
            Err(error) => Err(SandboxError::io(step, &error)),
        }
    }

    /// Tells something that has no answer. Where it is lost, the next question
    /// says so.
    pub fn tell(&self, ask: &Ask) {
        let _ = self.wire.send(ask);
    }

    pub fn ask(&self, ask: &Ask, fds: &[BorrowedFd]) -> Result<(Tell, Option<OwnedFd>), RoomsError> {
        let step = "reach the sandbox's first process";
        let lost = |_| RoomsError { step: step.into(), errno: libc::EPIPE };
        if self.lost.get() {
            return Err(lost(io::ErrorKind::BrokenPipe.into()));
        }
        self.wire.send_with(ask, fds).map_err(lost)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if !self.wire.wait_until(deadline).map_err(lost)? {
                self.lost.set(true);
                return Err(RoomsError { step: step.into(), errno: libc::ETIMEDOUT });
            }
            let told = self.wire.receive_with::<Tell>().map_err(lost)?;
            match told.ok_or_else(|| lost(io::ErrorKind::BrokenPipe.into()))? {
                (Tell::Refused { step, errno }, _) => return Err(RoomsError { step, errno }),
                (told, mut fds) => {
                    if let Some(told) = self.note(told) {
                        return Ok((told, fds.pop()));
                    }
                }
            }
        }
    }

    /// Keeps what nobody has asked for.
    fn note(&self, told: Tell) -> Option<Tell> {
        match told {
            Tell::Exited { pid, exit } => {
                self.exits.borrow_mut().insert(pid, exit);
            }
            Tell::Cleared(ended) => {
                self.ended.borrow_mut().get_or_insert(ended);
            }
            told => return Some(told),
        }
        None
    }

    pub fn start(&self, program: &Program, fds: &[BorrowedFd]) -> Result<i32, RoomsError> {
        match self.ask(&Ask::Start { program: program.clone() }, fds)? {
            (Tell::Started { pid }, _) => {
                // One that had this number before.
                self.exits.borrow_mut().remove(&pid);
                Ok(pid)
            }
            (other, _) => unreachable!("asked for a start, told {other:?}"),
        }
    }

    pub fn exit_of(&self, pid: i32, deadline: Option<Instant>) -> Option<Exit> {
        loop {
            if let Some(exit) = self.exits.borrow().get(&pid) {
                return Some(exit.clone());
            }
            if !self.wire.wait_until(deadline.unwrap_or_else(Instant::now)).unwrap_or(false) {
                return None;
            }
            match self.wire.receive::<Tell>() {
                Ok(Some(told)) => drop(self.note(told)),
                _ => return None,
            }
        }
    }

    /// Why all its programs were ended since the last call, as far as one
    /// knows without waiting.
    pub fn why_cleared(&self) -> Option<Cleared> {
        while self.wire.wait_until(Instant::now()).unwrap_or(false) {
            match self.wire.receive::<Tell>() {
                Ok(Some(told)) => drop(self.note(told)),
                _ => break,
            }
        }
        self.ended.take()
    }
}

impl AsFd for Hand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}
