//! Waits until the kernel has finished, and keeps it quiet meanwhile, so that no lab sees a
//! race.

pub(super) mod hush;
pub(super) mod quiet;
pub(super) mod settle;
pub(super) mod unsent;
