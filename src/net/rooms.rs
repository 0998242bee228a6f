use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// What only somebody inside the sandbox can do, for those who act from
/// outside it.
pub trait Rooms {
    /// The network namespace of the sandbox's host.
    fn host(&self) -> OwnedFd;

    /// Opens a file as the sandbox sees it.
    ///
    /// # Errors
    ///
    /// If it can't be opened.
    fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd>;

    /// Fills `/etc` and `/dev`, as is done before the first program.
    ///
    /// # Errors
    ///
    /// If the kernel refuses it.
    fn furnish(&self) -> Result<(), RoomsError>;

    /// Says what will be asked for, as far as one can know. It is said before
    /// anything else: [`Rooms::host`] may be another one then.
    fn expect(&self, expected: Expected);

    /// Makes a network namespace with a file under `/run/netns`.
    ///
    /// # Errors
    ///
    /// If the kernel gives none.
    fn new_netns(&self, name: &str) -> Result<OwnedFd, RoomsError>;

    /// Removes that file.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    fn delete_netns(&self, name: &str) -> Result<(), RoomsError>;

    /// Puts files where a program inside will look for them.
    ///
    /// # Errors
    ///
    /// If they can't be put there.
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

    /// How a program ended; waits for that until `deadline`, or not at all.
    fn exit_of(&self, program: Started, deadline: Option<Instant>) -> Option<Exit>;

    /// From now on, whether what is started, placed and opened is a
    /// submission's: it is in a booth of the sandbox, from which nothing of the
    /// judge's can be seen.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the booth.
    fn confine(&self, confined: bool) -> Result<(), RoomsError>;

    /// Ends all of a submission's programs, for this reason.
    fn clear(&self, reason: &str);

    /// Why a submission's programs were all ended since the last call, if they
    /// were.
    fn why_cleared(&self) -> Option<Cleared>;

    /// The network namespaces that a submission's programs have made since the
    /// last call, with a name or without.
    fn made_namespaces(&self) -> Vec<OwnedFd>;

    /// Has all of a submission's programs stand still.
    fn hold(&self);

    /// Lets them go on; tells whether none of them has run meanwhile.
    fn let_go(&self) -> bool;

    /// Freezes all of a submission's programs for good, but for these, by their
    /// names.
    ///
    /// # Errors
    ///
    /// If the sandbox is gone.
    fn freeze(&self, services: &[String]) -> Result<(), RoomsError>;

    /// Becomes readable when a program ends.
    fn events(&self) -> BorrowedFd<'_>;
}

/// While this is there, a submission's programs stand still.
pub(super) struct Held<'a>(&'a dyn Rooms);

impl<'a> Held<'a> {
    pub fn in_the(rooms: &'a dyn Rooms) -> Self {
        rooms.hold();
        Self(rooms)
    }

    /// Lets them go on; tells whether none of them has run meanwhile.
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

/// What a lab will ask for.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// How many network namespaces, which can be made ahead.
    pub namespaces: usize,
    /// Whether a submission will have its turn ([`Rooms::confine`]).
    pub submission: bool,
}

/// A program to be started inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// The command and its arguments, at least one word.
    pub argv: Vec<String>,
    /// The name of its network namespace, whose files of `/etc/netns` it sees;
    /// nothing for the host's.
    pub netns: Option<String>,
    /// Whether it is the first process of a pid namespace of its own.
    pub pid: bool,
}

/// A program that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Its number, as those see it who are where it is.
    pub pid: i32,
    /// Whether it is a submission's.
    pub confined: bool,
}

/// A file that a program inside is to find, whatever this machine has there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Placed {
    /// Where.
    pub path: String,
    /// What is in it; nothing for a pipe with a name.
    pub text: Option<String>,
    /// Its mode.
    pub mode: u32,
}

/// Why all programs of a submission were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// The reason, in a few words.
    pub reason: String,
    /// Whether it may have been somebody else's doing: it is the machine that
    /// has run short.
    pub machine: bool,
}

/// How many processes a lab may have.
pub const MOST_PROCESSES: usize = 1000;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What could not be done inside: the step, and the kernel's error number.
#[derive(Debug, Clone)]
pub struct RoomsError {
    /// What was being done.
    pub step: String,
    /// The kernel's error number.
    pub errno: i32,
}
