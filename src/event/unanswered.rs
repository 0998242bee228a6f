//! The last question of a lab that got no answer.

use super::{Event, PendingWhy};
use crate::lab::Place;

/// Remembers the last question of a lab that got no answer.
#[derive(Debug, Clone, Default)]
pub struct Unanswered {
    last: Option<Asked>,
    /// The last line of the lab itself that has run so far.
    line: u32,
}

/// A question that got no answer.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The command that asks it.
    pub command: String,
    /// The way to ask again.
    pub pending_why: PendingWhy,
    /// Whether other commands came after it.
    pub is_followed: bool,
    /// Whether it is asked for the first time, and no command below its line has run before it.
    pub is_in_order: bool,
}

impl Unanswered {
    /// Takes an event.
    pub fn hear(&mut self, event: &Event) {
        let (helper, place, command, pending_why) = match event {
            Event::Asked(question) => {
                (&question.helper, question.place, &question.command, &question.pending_why)
            }
            Event::Ran(ran) => (&ran.helper, ran.place, &ran.command, &ran.pending_why),
            Event::Acted(_) => return self.follow(),
            _ => return,
        };
        let is_in_order = helper.is_none() && place.line >= self.line;
        match pending_why {
            Some(pending_why) => {
                self.last = Some(Asked {
                    command: command.clone(),
                    is_followed: false,
                    is_in_order: is_in_order && pending_why.call_site.nth == 1,
                    pending_why: (**pending_why).clone(),
                });
            }
            None => self.follow(),
        }
        if helper.is_none() {
            self.line = self.line.max(place.line);
        }
    }

    fn follow(&mut self) {
        if let Some(last) = &mut self.last {
            last.is_followed = true;
        }
    }

    /// Returns the last question that got no answer.
    pub fn last(&self) -> Option<&Asked> {
        self.last.as_ref()
    }
}

impl Asked {
    /// Returns the place that asks, if it is in the lab itself.
    pub fn place(&self) -> Option<Place> {
        let at = &self.pending_why.call_site;
        at.helper.is_none().then_some(at.place)
    }
}
