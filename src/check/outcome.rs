use crate::event::Question;
use crate::lab::Place;

/// The outcome of one check.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The name of the check; `None` for a lab without checks, which is itself
    /// one test case.
    pub name: Option<String>,
    /// The place of the check.
    pub place: Place,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// The four possible verdicts.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Box<Failure>),
    /// There is no answer, for this reason: a check that it needs failed, or the
    /// lab stopped before it.
    Skipped(String),
    /// The machine can't measure it.
    NotMeasured {
        /// The missing feature of the machine.
        reason: String,
        /// The remedy for the machine's owner.
        remedy: Option<String>,
    },
}

/// The reason why a check failed.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// The place to look at: the failed round of a loop, or the statement that
    /// stopped the lab.
    pub place: Place,
    /// The helper file of that place, if any.
    pub helper: Option<String>,
    /// The error message, in one line.
    pub message: String,
    /// The expected value.
    pub expected: Option<String>,
    /// The observed value.
    pub seen: Option<String>,
    /// The difference between the accepted text and the observed one.
    pub diff: Option<String>,
    /// The questions that the check is about, with their answers.
    pub evidence: Vec<Question>,
    /// The reason why there was no answer, as found by a replay.
    pub why: Option<String>,
    /// The refused command.
    pub command: Option<String>,
    /// Help for the user.
    pub hints: Vec<String>,
    /// Whether the failure is not about the check, so that the check's own hint
    /// does not help.
    pub elsewhere: bool,
    /// Whether it is a bug in nslab.
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
