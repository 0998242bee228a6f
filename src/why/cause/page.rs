//! The page of a cause: its meaning, its symptoms, and its cure.

use super::Cause;

/// The description of one cause, for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The `id` of the cause, as `nslab why` gives it.
    pub id: Cause,
    /// The cause in one line.
    pub title: &'static str,
    /// The symptom that a user sees.
    pub symptom: &'static str,
    /// The explanation: how the cause leads to the symptom.
    pub cause: &'static str,
    /// The commands that show the cause, and their telling output.
    pub evidence: &'static str,
    /// The cure, with its commands.
    pub cure: &'static str,
}
