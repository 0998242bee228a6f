//! The page of a cause: what it is, how it shows, how to cure it.

use super::Cause;

/// What is to be known of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The `id` of the cause, as `nslab why` gives it.
    pub id: Cause,
    /// What it is, in one line.
    pub title: &'static str,
    /// How it shows.
    pub symptom: &'static str,
    /// What happens.
    pub cause: &'static str,
    /// What to look at, with which command.
    pub evidence: &'static str,
    /// What mends it.
    pub cure: &'static str,
}
