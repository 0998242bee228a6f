//! A lab as data, before anything runs: its name, its text, its declared checks
//! and their places.
//!
//! *Takes* a path and the text found there, *gives* plain data, *never* touches
//! the kernel or compiles a script.

mod declared;
mod draw;
mod folder;
mod here;
mod name;
mod place;
mod source;
mod visible;

pub use declared::{Declared, Kind, ToolUse};
pub use draw::{Draw, Item, Items, Picks, blanks, chosen, is_key};
pub use folder::{Folder, HeldFile, LONGEST, read_beside};
pub use name::{LabName, slug};
pub use place::{Place, Span};
pub use source::{Gap, Helper, Lab, LabSource, Language, Solution, excerpt};
pub use visible::{steers, visible, visible_in_line};
