//! Why one can't reach another: evidence becomes a path, a cause and a cure.
//!
//! ```text
//! look      one probe, with every interface tapped, and where it was seen last
//! evidence  the facts: the survey, the probe, the lab's commands, the kernel's answers
//! command   what was typed, what was meant, and how a cure is typed
//! cause     who can have stopped it at such a place: suspects with a cure
//! round     the cure is tried, the probe sent again; what helps is kept
//! pages     what is to be known of each cause, for a reader
//! ```
//!
//! All of it happens in a sandbox that was made for it: a replay of the lab,
//! which nobody looks at afterwards. *Takes* a network as a lab has left it
//! and the lab's [`LabCommand`](crate::event::LabCommand)s, *gives*
//! [`Findings`](crate::event::Findings), *never* believes what the lab meant
//! to do where the kernel can be asked what is.

mod cause;
mod command;
mod evidence;
mod look;
pub mod pages;
#[cfg(test)]
mod recorded;
mod round;

pub use cause::Cause;
pub use round::round;
