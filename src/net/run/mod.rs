//! Runs the programs of a lab.

pub(super) mod processes;
pub(super) mod program;
pub(super) mod terminal;
pub(super) mod tools;
