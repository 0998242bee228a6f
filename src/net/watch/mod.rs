//! Watches packets and changes.

pub(super) mod capture;
pub(super) mod delta;
pub(super) mod sighting;
