use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// Operations that must run inside the sandbox's namespaces.
pub trait Rooms {
    /// The network namespace of the sandbox's host.
    fn host(&self) -> OwnedFd;

    /// Opens a file as the sandbox sees it.
    ///
    /// # Errors
    ///
    /// If it can't be opened.
    fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd>;

    /// Fills `/etc` and `/dev`, which must happen before the first program runs.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    fn furnish(&self) -> Result<(), RoomsError>;

    /// Announces the expected requests, as far as they are known. It must be
    /// called before anything else, because [`Rooms::host`] may be another
    /// namespace afterwards.
    fn expect(&self, expected: Expected);

    /// Creates a network namespace with a file under `/run/netns`.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    fn new_netns(&self, name: &str) -> Result<OwnedFd, RoomsError>;

    /// Removes the file of a network namespace.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    fn delete_netns(&self, name: &str) -> Result<(), RoomsError>;

    /// Places files where a program inside will look for them.
    ///
    /// # Errors
    ///
    /// If they can't be placed there.
    fn place(&self, files: &[Placed]) -> Result<(), RoomsError>;

    /// Starts a program that writes to `out` and `err`, in a network namespace
    /// or in the host's.
    ///
    /// # Errors
    ///
    /// If it can't be executed.
    fn start(
        &self,
        program: &Program,
        netns: Option<BorrowedFd>,
        out: BorrowedFd,
        err: BorrowedFd,
    ) -> Result<Started, RoomsError>;

    /// Sends a signal to a program that was started, and to its children.
    ///
    /// # Errors
    ///
    /// If it does not exist any more.
    fn kill(&self, program: Started, signal: i32) -> Result<(), RoomsError>;

    /// Returns a program's exit status; waits for it until `deadline`, or not at
    /// all.
    fn exit_of(&self, program: Started, deadline: Option<Instant>) -> Option<Exit>;

    /// Sets whether programs, files and paths from now on belong to a
    /// submission. A submission is in a booth of the sandbox, where the judge
    /// is invisible.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the booth.
    fn confine(&self, confined: bool) -> Result<(), RoomsError>;

    /// Ends all of a submission's programs, for this reason.
    fn clear(&self, reason: &str);

    /// The reason why all of a submission's programs were ended since the last
    /// call, if they were.
    fn why_cleared(&self) -> Option<Cleared>;

    /// The network namespaces that a submission's programs have created since
    /// the last call, with or without a name.
    fn made_namespaces(&self) -> Vec<OwnedFd>;

    /// Pauses all of a submission's programs.
    fn hold(&self);

    /// Resumes them; tells whether none of them has run meanwhile.
    fn let_go(&self) -> bool;

    /// Freezes all of a submission's programs permanently, except these
    /// services, by name.
    ///
    /// # Errors
    ///
    /// If the sandbox is gone.
    fn freeze(&self, services: &[String]) -> Result<(), RoomsError>;

    /// A descriptor that becomes readable when a program ends.
    fn events(&self) -> BorrowedFd<'_>;
}

/// Pauses a submission's programs while it exists.
pub(in crate::net) struct Held<'a>(&'a dyn Rooms);

impl<'a> Held<'a> {
    pub fn in_the(rooms: &'a dyn Rooms) -> Self {
        rooms.hold();
        Self(rooms)
    }

    /// Resumes them; tells whether none of them has run meanwhile.
    pub fn let_go(self) -> bool {
        let stood = self.0.let_go();
        std::mem::forget(self);
        stood
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// The requests that a lab is expected to make.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The number of network namespaces, which can be created in advance.
    pub namespaces: usize,
    /// Whether a submission will run ([`Rooms::confine`]).
    pub submission: bool,
}

/// A program to be started inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// The command and its arguments, at least one word.
    pub argv: Vec<String>,
    /// The name of its network namespace, whose files of `/etc/netns` it sees;
    /// `None` for the host's.
    pub netns: Option<String>,
    /// Whether it is the first process of its own pid namespace.
    pub pid: bool,
}

/// A program that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Its PID, as seen in its pid namespace.
    pub pid: i32,
    /// Whether it belongs to a submission.
    pub confined: bool,
}

/// A file that programs inside see, whatever this machine has at its path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Placed {
    /// The path.
    pub path: String,
    /// The content; `None` for a named pipe.
    pub text: Option<String>,
    /// Its mode.
    pub mode: u32,
}

/// The reason why all programs of a submission were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// The reason, in a few words.
    pub reason: String,
    /// Whether the submission may not be the cause, because the machine has run
    /// short of something.
    pub machine: bool,
}

/// The maximum number of processes of a lab.
pub const MOST_PROCESSES: usize = 1000;

/// The exit status of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It ended by itself, with this code.
    Code(i32),
    /// It was killed by a signal.
    Signal(i32),
}

/// A failed operation inside: the step, and the kernel's error number.
#[derive(Debug, Clone)]
pub struct RoomsError {
    /// The step that failed.
    pub step: String,
    /// The kernel's error number.
    pub errno: i32,
}
