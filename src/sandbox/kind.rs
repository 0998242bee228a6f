//! The kinds of labs for which there are sandboxes.

/// The kind of labs that a launcher's sandboxes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The user's own labs.
    Labs,
    /// Submissions of people who may harm one another: each gets its own user and
    /// cgroup, although setting that up takes a while.
    Strangers,
}
