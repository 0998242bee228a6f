//! Asks again what was answered well, once a submission is judged.
//!
//! A network that lets the first connection pass and no other, or one that is
//! right for a moment, answers a single question as a good one does. So each
//! question that somebody answered is asked once more, the last one first: at
//! the lab's end, or before the judge changes something.

use crate::lab::Place;
use crate::net::Network;
use std::cell::{Cell, RefCell};

/// How often a question is asked again before an answer that does not come is
/// held against a submission: the machine may be busy.
const TRIES: usize = 3;

/// How many questions are kept; of more, the last.
const MOST: usize = 256;

/// A question that was answered well.
pub(super) struct Answered {
    pub place: Place,
    pub command: String,
    pub ask: Box<dyn Fn(&Network) -> bool>,
}

/// The questions to be asked again.
#[derive(Default)]
pub(super) struct Again {
    /// Whether a submission has had its turn.
    is_judging: Cell<bool>,
    answered: RefCell<Vec<Answered>>,
}

impl Again {
    /// From now on questions are kept.
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

    /// Asks all of them again; gives those to which no answer came. Those that
    /// are not asked before `is_late` are let go.
    pub fn ask(&self, network: &Network, is_late: impl Fn() -> bool) -> Vec<(Place, String)> {
        let answered = self.answered.take().into_iter().rev();
        let lost =
            |answered: &Answered| !is_late() && !(0..TRIES).any(|_| (answered.ask)(network)) && !is_late();
        answered.filter(lost).map(|answered| (answered.place, answered.command)).collect()
    }
}
