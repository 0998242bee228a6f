//! Diagnosis of connections that fail: evidence becomes a path, a cause and a cure.
//!
//! ```text
//! look      one probe, with every interface tapped, and where it was seen last
//! evidence  the facts: the survey, the probe, the lab's commands, the kernel's answers
//! command   commands: as they were typed, as they were meant, and as a cure types them
//! cause     what may have stopped the packet there: suspects, each with a cure
//! cure      a cure is carried out, and who reaches whom is measured before and after
//! round     the cure is tried, the probe sent again; what helps is kept
//! pages     a description of each cause, for a reader
//! recorded  tests of the finders with recorded facts
//! ```
//!
//! All of it happens in a sandbox of its own: a replay of the lab, which nobody
//! uses afterwards. *Takes* a network as a lab has left it and the lab's
//! [`LabCommand`](crate::event::LabCommand)s, *gives*
//! [`Findings`](crate::event::Findings), *never* trusts the lab's commands if
//! the kernel can be asked for the actual state.

mod cause;
mod command;
mod cure;
mod evidence;
mod look;
pub mod pages;
#[cfg(test)]
mod recorded;
mod round;

pub use cause::Cause;
pub use command::asked::question;
pub use look::glance::reaches;
pub use round::round;
