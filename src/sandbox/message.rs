//! The messages between the processes of a sandbox, which a [`Wire`](super::wire::Wire)
//! carries:
//!
//! ```text
//! Open   parent → launcher
//! Up     engine → parent, or launcher → parent if the engine can't speak
//! Ask    engine → init, or engine → warden of a booth
//! Tell   init → engine, or warden → engine
//! ```
//!
//! Orders and answers to questions of a script are in [`event`](crate::event).

use super::error::SandboxError;
use crate::event::Event;
use crate::net::{Cleared, Exit, Placed, Program};
use serde::{Deserialize, Serialize};

/// The request for an engine. Its end of the lab's socket comes along, and after it
/// the descriptors of its [`Share`](super::cgroup::Share), if it has one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Open;

/// The messages that come up a lab's socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Up {
    /// The script did, asked or expected something.
    Event(Box<Event>),
    /// The sandbox is ready and verified, and waits for its order. Says whether
    /// it runs as a user of its own.
    Standing { own_user: bool },
    /// There is no sandbox to run it in.
    NoSandbox(SandboxError),
    /// The engine died early.
    Died(Death),
}

/// The cause of an engine's death.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Death {
    /// Killed by the signal of this name.
    Signal(String),
    /// Exited with this code.
    Code(i32),
}

/// The requests of the engine to a first process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Expect requests for this many network namespaces. This has no answer.
    Expect { namespaces: usize },
    /// Create a network namespace, and its file under `/run/netns`.
    NewNetns { name: String },
    /// Create a network namespace without a name.
    MakeNetns,
    /// Create a file under `/run/netns` for the namespace sent along.
    NameNetns { name: String },
    /// Remove that file. The namespace ends when no process is in it.
    DeleteNetns { name: String },
    /// Return the host's network namespace.
    Host,
    /// Use the network namespace sent along as the host's from now on.
    MoveHost,
    /// Create another instance of proc(5).
    NewProc,
    /// Fill `/etc` and `/dev`.
    Furnish,
    /// Create these files.
    Place { files: Vec<Placed> },
    /// Give these files of `/etc` this content, or remove them.
    Adopt { files: Vec<(String, Option<String>)> },
    /// Start a program. The first two descriptors sent along are its outputs, a
    /// third one is its network namespace.
    Start { program: Program },
    /// Send a signal to a process group.
    Kill { pid: i32, signal: i32 },
    /// Kill all programs of the booth. Only `Cleared` answers this.
    Clear { reason: String },
    /// Stop all programs of the booth, or let them go on.
    Hold { held: bool },
    /// Freeze all programs of the booth but these services. All are stopped
    /// before.
    Freeze { services: Vec<String> },
    /// Start the first process of a submission's booth, and return the line to
    /// it. Descriptors sent along are its [`Share`](super::cgroup::Share).
    NewBooth,
    /// Start the booth's doorman. The first descriptor sent along is a line to
    /// the engine, the second one to the warden.
    NewDoorman,
    /// Create the booth's root, move in, and return the root. The descriptor sent
    /// along is a line to the doorman.
    MoveIn,
}

/// The messages of a first process to the engine.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Tell {
    /// The house is ready; its root and the host's network namespace come along.
    Ready,
    /// The house could not be built.
    Failed(SandboxError),
    /// Done; the descriptor of a new object comes along.
    Done,
    /// A program runs.
    Started { pid: i32 },
    /// Refused, with the kernel's error number.
    Refused { step: String, errno: i32 },
    /// A started program has ended.
    Exited { pid: i32, exit: Exit },
    /// All programs of the booth were killed.
    Cleared(Cleared),
}
