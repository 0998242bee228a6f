//! Waits for what the kernel completes after a request, so that no lab sees a race.

pub(super) mod hush;
pub(super) mod quiet;
pub(super) mod settle;
pub(super) mod unsent;
