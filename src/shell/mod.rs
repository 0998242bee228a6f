//! Shell labs: scripts of bash(1), run by the real bash, told command by command.
//!
//! Bash runs the whole script, so functions, loops, traps and quotes need no work
//! here. A trap reports each command before it runs, and waits until the output
//! and the changes of the command before it were read.
//!
//! *Takes* the text of a lab and rooms to run it in, *gives* a stream of events,
//! *never* runs a command itself, nor parses one if bash can be asked.

mod condition;
mod continued;
mod ending;
pub(crate) mod fuzzing;
mod live;
mod output;
mod paste;
mod places;
mod prelude;
mod prompt;
mod questions;
mod read;
mod run;
mod scan;
mod session;
mod told;

pub use ending::said;
pub use live::{Desk, live};
pub use read::read;
pub use run::{fill, run};
