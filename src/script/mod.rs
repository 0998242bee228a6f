//! The script language, which no other room knows: compiles a lab, finds its
//! declared checks, and runs it with nslab's vocabulary.
//!
//! *Takes* the text of a lab and a network to act on, *gives* faults with their
//! places and a stream of events, *never* judges.

mod again;
mod caught;
mod compile;
mod draws;
mod engine;
mod fault;
mod foresight;
pub(crate) mod fuzzing;
mod gap;
mod imports;
mod lacked;
mod run;
mod suggest;
mod survey;
mod value;
mod words;
mod world;

pub use compile::Compiler;
pub use engine::Stage;
pub use run::run;
pub use words::{Word, all as vocabulary};
pub use world::{Guests, Shell, Teller};
