//! One probe, and where it was seen last.
//!
//! ```text
//! shot     one probe, with every interface tapped: what passed where
//! stuck    the last place where it was seen, and what it waited for there
//! gate     what did not let it through there
//! ```

pub(super) mod gate;
pub(super) mod shot;
pub(super) mod stuck;
