//! Explains why a machine can't run sandboxes, and what its owner can do.
//!
//! The remedy follows from [`Facts`], which come from the machine or from a test,
//! and from the step that the kernel refused. A machine may have several
//! obstacles, and the kernel reports only the first: a container on a host that
//! restricts user namespaces has its own seccomp filter and its host's AppArmor.
//! The remedy names all that are visible.

mod apparmor;
mod facts;
mod place;
mod refused;
mod remedy;
mod shares;

pub use facts::Facts;
pub use place::Place;
pub use remedy::{Copied, Remedy};

use super::error::SandboxError;
use std::thread;

/// Returns the remedy for `error` on this machine.
pub fn remedy(error: &SandboxError) -> Option<Remedy> {
    Facts::of_this_machine().remedy(error)
}

/// Returns the message of `error`, with its remedy in one line.
pub fn with_remedy(error: &SandboxError) -> String {
    remedy(error).map_or(error.to_string(), |remedy| format!("{error}; {remedy}"))
}

/// Starts a thread that does nothing.
///
/// # Errors
///
/// If the thread can't be started: older container engines refuse clone3(2) in a
/// way that keeps the C library from falling back to clone(2).
pub fn try_thread() -> Result<(), SandboxError> {
    let started = thread::Builder::new().spawn(|| {});
    drop(started.map_err(|error| SandboxError::io("start a thread", &error))?.join());
    Ok(())
}
