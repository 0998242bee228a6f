//! Watches packets and changes.

pub(super) mod capture;
pub(super) mod delta;
pub(super) mod sighting;

pub use capture::{Capture, CaptureFile};
pub use sighting::{SeenPacket, Sighting, Taps, stamp_packets};
