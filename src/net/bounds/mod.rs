//! Bounds on what a lab uses of resources that the whole machine shares.

pub(super) mod budget;
pub(super) mod guard;
