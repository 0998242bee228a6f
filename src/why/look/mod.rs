//! One probe, and where it was seen last.
//!
//! ```text
//! shot     one probe, with every interface tapped: what passed where
//! stuck    the last place where it was seen, and what it waited for there
//! gate     the stage of processing that stopped it there
//! ```

pub(super) mod gate;
pub(super) mod shot;
pub(super) mod stuck;
