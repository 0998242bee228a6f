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
mod error;
mod furniture;
mod hand;
mod house;
mod init;
mod inside;
mod kind;
mod lab_calls;
mod launcher;
mod message;
mod mounts;
mod one_user;
mod parent;
mod process;
mod seccomp;
mod users;
mod wire;

pub use engine::Line;
pub use error::SandboxError;
pub use inside::Inside;
pub use kind::For;
pub use parent::{Launcher, Sandbox};
