//! Runs the programs of a lab.

pub(super) mod processes;
pub(super) mod program;
pub(super) mod terminal;
pub(super) mod tools;
pub(super) mod tun;

pub use program::{ExecAnswer, Limits, Process, last_words};
pub use terminal::Terminal;
pub use tools::{PATH, is_installed, missing_program, package_of};
