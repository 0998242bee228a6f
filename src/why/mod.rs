//! Why one can't reach another: evidence becomes a path, a cause and a cure.
//!
//! ```text
//! shot     one probe, with every interface tapped: what passed where
//! kernel   questions to the kernel beside the survey
//! known    all facts of a diagnosis, recorded to a file
//! stuck    the last place where it was seen, and what it waited for there
//! trail    the same for a reader: the way of each packet
//! cause    who can have stopped it at such a place: suspects with a cure
//! round    the cure is tried, the probe sent again; what helps is kept
//! pages    what is to be known of each cause, for a reader
//! ```
//!
//! All of it happens in a sandbox that was made for it: a replay of the lab,
//! which nobody looks at afterwards. *Takes* a network as a lab has left it
//! and the lab's [`LabCommand`](crate::event::LabCommand)s, *gives*
//! [`Findings`](crate::event::Findings), *never* believes what the lab meant
//! to do where the kernel can be asked what is.

mod cause;
mod fib;
mod gate;
mod ground;
mod kernel;
mod known;
pub mod pages;
mod round;
mod shot;
mod stuck;
mod trail;
mod typed;

pub use cause::Cause;
pub use round::round;
