//! The engine's line to a first process inside: the init, or the warden of a
//! submission's booth.

use super::error::SandboxError;
use super::message::{Ask, Tell};
use super::wire::Wire;
use crate::net::{Cleared, Exit, Program, RoomsError};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The time limit for an answer. Programs inside can't delay the first process
/// for long; if one finds a way, the engine does not wait for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The engine's end of the line.
#[derive(Debug)]
pub(super) struct Hand {
    wire: Wire,
    exits: RefCell<HashMap<i32, Exit>>,
    ended: RefCell<Option<Cleared>>,
    /// Whether an answer timed out: later messages can't be matched to requests.
    lost: Cell<bool>,
}

impl Hand {
    pub fn new(wire: Wire) -> Self {
        Self { wire, exits: RefCell::default(), ended: RefCell::default(), lost: Cell::default() }
    }

    /// Waits until the house is ready, and returns the two descriptors.
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

    /// Sends a request without an answer. If the line is broken, the next request
    /// reports that.
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

    /// Stores messages that answer no request.
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
                // An earlier program had this PID.
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

    /// Returns why all programs were killed since the last call, as far as is
    /// known without waiting.
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
