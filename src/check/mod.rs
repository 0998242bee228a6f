//! Expectations and their outcomes.
//!
//! *Takes* a lab's declared checks and the events of its run, *gives* one outcome
//! for each, *never* knows how the events came about. Only one of its files uses
//! insta.

pub(crate) mod fuzzing;
mod judge;
mod outcome;
mod snapshot;

pub use judge::Judge;
pub use outcome::{Failure, Outcome, Verdict};
pub use snapshot::{Shelf, Update, prepare};
