//! The sandbox: a parent half, a child half, and the abilities of this machine.
//!
//! Three generations of processes, each with one thread until it is in place:
//!
//! ```text
//! nslab test            any number of threads; judges and prints
//! └─ launcher           a fork, before any other thread: unprivileged, root of
//!    │                  an outer user namespace
//!    ├─ engine          a fork for each lab: runs the script, acts and observes
//!    │  └─ init         PID 1 of new user, PID, mount, network, UTS and IPC
//!    │     └─ …         namespaces, with every program of the lab
//!    └─ engine …
//! ```
//!
//! The engine acts on the inner namespaces from outside; processes inside can't
//! see, signal or trace it. When a process dies, those below it die with it
//! (`PR_SET_PDEATHSIG`, and the end of a PID namespace with its PID 1), and the
//! kernel removes every namespace, mount and interface.
//!
//! *Takes* an order for a lab, *gives* its events, *never* runs a script itself:
//! [`run`](crate::run) passes it the function that does.

mod begin;
mod booth;
mod cgroup;
pub mod doctor;
mod engine;
mod furniture;
mod hand;
mod house;
mod init;
mod inside;
mod lab_calls;
mod launcher;
mod mounts;
mod one_user;
mod parent;
mod seccomp;
mod users;
mod wire;

pub use engine::Line;
pub use inside::Inside;
pub use parent::{Launcher, Sandbox};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of labs that a launcher's sandboxes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The user's own labs.
    Labs,
    /// Submissions of people who may harm one another: each gets its own user and
    /// cgroup, although setting that up takes a while.
    Strangers,
}

/// A sandbox could not be created: the failed step, and the kernel's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxError {
    /// The step that failed, as `create a user namespace`.
    pub step: String,
    /// The kernel's error number.
    pub errno: i32,
}

impl SandboxError {
    fn new(step: impl Into<String>, errno: nix::Error) -> Self {
        Self { step: step.into(), errno: errno as i32 }
    }

    fn io(step: impl Into<String>, error: &std::io::Error) -> Self {
        Self { step: step.into(), errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errno = nix::Error::from_raw(self.errno);
        write!(f, "failed to {}: {} ({errno:?})", self.step, errno.desc())
    }
}

impl std::error::Error for SandboxError {}
