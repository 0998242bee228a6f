//! Exercises: the submissions, what they earn, and the gradebook.
//!
//! *Takes* a lab with a gap and the outcomes of its checks, *gives* marks as
//! plain data, and keeps them in files; *never* runs anything.

mod brief;
mod example;
mod fingerprint;
pub(crate) mod fuzzing;
mod gradebook;
mod graded;
mod handed_in;
mod merge;
mod mutate;
mod results;
mod roster;
mod shard;

pub use example::{Example, Unsound, examples};
pub use fingerprint::{Fingerprint, of_exercise};
pub use gradebook::Gradebook;
pub use graded::{Graded, Mark};
pub use handed_in::{HandedIn, LARGEST, Unfit};
pub use merge::{Merged, merge};
pub use mutate::{Mutant, mutants};
pub use results::{Heading, Results, ResultsError};
pub use roster::{Entry, RosterError, roster};
pub use shard::Shard;
