//! Errors of a sandbox: the step that failed, and the kernel's error.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

/// A sandbox could not be created: the failed step, and the kernel's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxError {
    /// The step that failed, as `create a user namespace`.
    pub step: String,
    /// The kernel's error number.
    pub errno: i32,
}

impl SandboxError {
    pub(super) fn new(step: impl Into<String>, errno: Errno) -> Self {
        Self { step: step.into(), errno: errno as i32 }
    }

    pub(super) fn io(step: impl Into<String>, error: &io::Error) -> Self {
        Self { step: step.into(), errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errno = Errno::from_raw(self.errno);
        write!(f, "failed to {}: {} ({errno:?})", self.step, errno.desc())
    }
}

impl std::error::Error for SandboxError {}

/// A refusal of a first process inside: the step, and the kernel's error number.
pub(super) type Refused = (&'static str, Errno);

/// Returns the kernel's error number, or a general one for other errors.
pub(super) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
