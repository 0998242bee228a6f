//! Shell labs: scripts of bash(1), run by the real bash, told command by
//! command.
//!
//! Bash runs the whole script, so that functions, loops, traps and quotes are
//! its own business. A trap tells of each command before it runs, and waits
//! until it was seen what the one before has printed and changed.
//!
//! *Takes* the text of a lab and rooms to run it in, *gives* a stream of
//! events, *never* runs a command itself, nor parses one where bash can be
//! asked.

mod condition;
mod continued;
mod ending;
pub(crate) mod fuzzing;
mod live;
mod output;
mod paste;
mod prelude;
mod prompt;
mod read;
mod run;
mod scan;
mod session;
mod told;

pub use ending::said;
pub use live::{Desk, live};
pub use read::read;
pub use run::{fill, run};
