//! A cure is tried in a replay of the lab, and its effects on everything else are measured.
//!
//! ```text
//! mend      runs the commands of a cure
//! effects   who reaches whom, to be compared before and after
//! ```

pub(super) mod effects;
pub(super) mod mend;
