//! Why this machine gives no sandbox, and what its owner can do about it.
//!
//! What helps follows from [`Facts`], which are read from the machine or
//! written down by a test, and from the step at which the kernel refused. One
//! machine may have several hindrances, of which the kernel names the first
//! only: a container on a host that restricts user namespaces has its own
//! filter and its host's AppArmor. All that are seen are named.

mod apparmor;
mod facts;
mod place;
mod refused;
mod remedy;
mod shares;

pub use facts::Facts;
pub use place::Place;
pub use remedy::{Copied, Remedy};

use super::SandboxError;
use std::thread;

/// What helps against `error` on this very machine.
pub fn remedy(error: &SandboxError) -> Option<Remedy> {
    Facts::of_this_machine().remedy(error)
}

/// The words of `error`, and what helps against it in a line.
pub fn with_remedy(error: &SandboxError) -> String {
    remedy(error).map_or(error.to_string(), |remedy| format!("{error}; {remedy}"))
}

/// Starts a thread, which does nothing.
///
/// # Errors
///
/// If none can be started: older container engines refuse clone3(2) so that
/// the C library does not go on with clone(2).
pub fn try_thread() -> Result<(), SandboxError> {
    let started = thread::Builder::new().spawn(|| {});
    drop(started.map_err(|error| SandboxError::io("start a thread", &error))?.join());
    Ok(())
}
