//! A cure is tried in a replay of the lab, and its effects on everything else are measured.
//!
//! ```text
//! mend      runs the commands of a cure
//! effects   who reaches whom, to be compared before and after
//! scope     the namespaces that a cure may change
//! ```

pub(super) mod effects;
pub(super) mod mend;
pub(super) mod scope;
