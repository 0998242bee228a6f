use crate::event::Question;
use crate::lab::Place;

/// What became of one check.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The name of the check; `None` for a lab that declares none, which is
    /// itself one test case.
    pub name: Option<String>,
    /// Where the check stands.
    pub place: Place,
    /// What became of it.
    pub verdict: Verdict,
}

/// One of four, never a fifth.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Box<Failure>),
    /// Nobody could say: a check that it needs failed, or the lab stopped
    /// before it. With the reason.
    Skipped(String),
    /// The machine could not do it.
    NotMeasured {
        /// What the machine lacks.
        reason: String,
        /// What its owner can do about it.
        remedy: Option<String>,
    },
}

/// Why a check failed.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// Where to look: the round of a loop that failed, or what stopped the
    /// lab.
    pub place: Place,
    /// The helper file in which that place is.
    pub helper: Option<String>,
    /// What is wrong, in one line.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What was seen.
    pub seen: Option<String>,
    /// The difference between the accepted text and the one that was seen.
    pub diff: Option<String>,
    /// The questions that the check is about, with their answers.
    pub evidence: Vec<Question>,
    /// Why nobody answered, as a replay has found it.
    pub why: Option<String>,
    /// The command that was refused.
    pub command: Option<String>,
    /// What helps.
    pub hints: Vec<String>,
    /// Whether it is about something else than the check, whose own hint does
    /// not help.
    pub elsewhere: bool,
    /// Whether it is our own fault.
    pub bug: bool,
}

impl Verdict {
    /// Tells whether it passed.
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}
