//! What a lab says, before anything runs: its name, its text, its declared
//! checks and their places.
//!
//! *Takes* a path and the text found there, *gives* plain data, *never*
//! touches the kernel or compiles a script.

mod declared;
mod draw;
mod here;
mod name;
mod place;
mod source;

pub use declared::{Declared, Kind, ToolUse};
pub use draw::{Draw, Item, Items, Picks, blanks, chosen, is_key};
pub use name::{LabName, slug};
pub use place::{Place, Span};
pub use source::{Gap, Helper, Lab, Language, Solution, Source, excerpt};
