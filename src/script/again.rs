//! Repeats questions that had a good answer, after a submission is judged.
//!
//! A network may pass only the first connection, or be right for a moment only.
//! To a single question, it then answers as a good one does. So each question
//! with an answer is asked once more, the last one first: at the lab's end, or
//! before the judge changes something.

use crate::lab::Place;
use crate::net::Network;
use std::cell::{Cell, RefCell};

/// The most repeats of a question before a missing answer counts against a
/// submission: the machine may be busy.
const TRIES: usize = 3;

/// The most kept questions; of more, the last ones.
const MOST: usize = 256;

/// A question that had a good answer.
pub(super) struct Answered {
    pub place: Place,
    pub command: String,
    pub ask: Box<dyn Fn(&Network) -> bool>,
}

/// The questions to repeat.
#[derive(Default)]
pub(super) struct Again {
    /// Whether a submission has run.
    is_judging: Cell<bool>,
    answered: RefCell<Vec<Answered>>,
}

impl Again {
    /// Starts to keep questions.
    pub fn begin(&self) {
        self.is_judging.set(true);
    }

    /// Keeps a question.
    pub fn keep(&self, answered: Answered) {
        let mut kept = self.answered.borrow_mut();
        if self.is_judging.get() {
            kept.retain(|other| (other.place, &other.command) != (answered.place, &answered.command));
            kept.push(answered);
            let over = kept.len().saturating_sub(MOST);
            kept.drain(..over);
        }
    }

    /// Repeats all questions, and returns those without an answer. Questions that
    /// are not repeated before `is_late` are dropped.
    pub fn ask(&self, network: &Network, is_late: impl Fn() -> bool) -> Vec<(Place, String)> {
        let answered = self.answered.take().into_iter().rev();
        let lost =
            |answered: &Answered| !is_late() && !(0..TRIES).any(|_| (answered.ask)(network)) && !is_late();
        answered.filter(lost).map(|answered| (answered.place, answered.command)).collect()
    }
}
