//! One call of a native function, through which a script acts and asks.

use super::{Fallible, Halt, World, WorldCell, halt, place, refusal, refused};
use crate::event::{
    Action, CallSite, Event, Fault, Inquiry, Moment, PendingWhy, Probe, Question, Refusal, Stop, Unmeasured,
};
use crate::lab::Place;
use crate::net::{NetError, Network};
use crate::script::again::Answered;
use crate::table::Table;
use rhai::{EvalAltResult, NativeCallContext, Position};

/// One call of a native function: the world, and the place of the call.
pub(in crate::script) struct Call<'a> {
    pub world: &'a World,
    pub position: Position,
    helper: Option<String>,
}

impl<'a> Call<'a> {
    /// Starts a call; stops a script that is late.
    pub fn new(cell: &'a WorldCell, context: &NativeCallContext) -> Fallible<Self> {
        let position = context.call_position();
        let Some(world) = cell.get() else {
            return Err(refused(
                Refusal { command: String::new(), error: "no network here".into(), hint: None },
                position,
            ));
        };
        if world.is_late() {
            return Err(halt(Halt::Deadline, position));
        }
        let helper = context.call_source().map(String::from);
        Ok(Self { world, position, helper })
    }

    pub fn place(&self) -> Place {
        place(self.position)
    }

    /// Returns an answer that came in time. An answer cut off by the deadline
    /// means nothing.
    pub fn in_time<T>(&self, answer: T) -> Fallible<T> {
        if self.world.is_late() { Err(halt(Halt::Deadline, self.position)) } else { Ok(answer) }
    }

    /// Tells whether the veth pair of this call may be created later.
    pub fn may_wait(&self) -> bool {
        self.world.may_wait.contains(&self.place())
    }

    /// Carries out an action. All actions go through here, and are reported with
    /// their number, place, equivalent command and, if the front end watches,
    /// changes.
    pub fn act<T>(&self, command: String, act: impl FnOnce(&Network) -> Result<T, NetError>) -> Fallible<T> {
        let network = &self.world.network;
        self.ask_again();
        let result = act(network).map_err(|error| network.blame(error, &command));
        let n = self.world.acts.get() + 1;
        self.world.acts.set(n);
        let refusal = result.as_ref().err().map(|error| refusal(&command, error));
        let changes = self.changes()?;
        let place = self.place();
        self.world.tell(Event::Acted(Action {
            n,
            place,
            command: command.clone(),
            started: self.world.network.last_started(),
            changes,
            refused: refusal,
        }));
        // The judge must hear what the submission could not do.
        if let Err(NetError { error, unmeasured: Some(remedy), .. }) = &result
            && self.world.is_in_gap()
        {
            let what = Unmeasured { place, reason: error.clone(), remedy: Some(remedy.clone()) };
            self.world.tell(Event::Lacked(what));
        }
        result.map_err(|error| self.fault(&command, error))
    }

    /// Repeats earlier questions before the judged network may change: their
    /// answers must still be the same.
    pub fn ask_again(&self) {
        if !self.world.is_in_gap() {
            self.world.ask_again();
        }
    }

    /// Records a question about a path. In a replay for this very call, the
    /// script goes no further.
    pub fn pending_why(&self, probe: Probe) -> Fallible<PendingWhy> {
        let place = self.place();
        let nth = {
            let mut visits = self.world.visits.borrow_mut();
            let nth = visits.entry((self.helper.clone(), place)).or_default();
            *nth += 1;
            *nth
        };
        let call_site = CallSite { helper: self.helper.clone(), place, nth };
        let is_wanted = |inquiry: &Inquiry| inquiry.at == Moment::CallSite(call_site.clone());
        if self.world.inquiry.borrow().as_ref().is_some_and(is_wanted) {
            self.world.inquire();
            return Err(halt(Halt::Done, self.position));
        }
        Ok(PendingWhy { probe, call_site })
    }

    /// Asks a question, and reports it with its answer.
    pub fn ask<T>(
        &self,
        command: String,
        ask: impl FnOnce(&Network) -> Result<T, NetError>,
        show: impl FnOnce(&T) -> (String, Option<Table>),
    ) -> Fallible<T> {
        self.ask_about(command, ask, show, |_| None)
    }

    /// Does the same for a question about a path, which can be asked again if
    /// there was no answer.
    pub fn ask_about<T>(
        &self,
        command: String,
        ask: impl FnOnce(&Network) -> Result<T, NetError>,
        show: impl FnOnce(&T) -> (String, Option<Table>),
        pending_why: impl FnOnce(&T) -> Option<PendingWhy>,
    ) -> Fallible<T> {
        let answer = ask(&self.world.network).map_err(|error| self.fault(&command, error))?;
        let (text, table) = show(&answer);
        let (place, changes) = (self.place(), self.changes()?);
        self.world.tell(Event::Asked(Question {
            helper: self.helper.clone(),
            place,
            command,
            text,
            table,
            pending_why: pending_why(&answer).map(Box::new),
            changes,
        }));
        Ok(answer)
    }

    /// Does the same for a question with a possible answer, which `holds`
    /// recognizes. If a submission is judged, such a question is repeated later.
    pub fn ask_somebody<T>(
        &self,
        command: String,
        ask: impl Fn(&Network) -> Result<T, NetError> + 'static,
        holds: impl Fn(&T) -> bool + 'static,
        show: impl FnOnce(&T) -> (String, Option<Table>),
        pending_why: impl FnOnce(&T) -> Option<PendingWhy>,
    ) -> Fallible<T> {
        let answer = self.ask_about(command.clone(), &ask, show, pending_why)?;
        if holds(&answer) && self.helper.is_none() && !self.world.is_in_gap() {
            let ask = Box::new(move |network: &Network| ask(network).is_ok_and(|answer| holds(&answer)));
            self.world.again.keep(Answered { place: self.place(), command, ask });
        }
        Ok(answer)
    }

    fn changes(&self) -> Fallible<Vec<String>> {
        match self.world.watched {
            false => Ok(Vec::new()),
            true => self.world.network.changes().map_err(|error| self.fault("", error)),
        }
    }

    /// Converts an error of the network to one of the script.
    pub fn fault(&self, command: &str, error: NetError) -> Box<EvalAltResult> {
        match &error.unmeasured {
            Some(remedy) => {
                let reason = error.error.clone();
                let remedy = Some(remedy.clone());
                halt(Halt::NotMeasured(Unmeasured { place: self.place(), reason, remedy }), self.position)
            }
            None => refused(refusal(command, &error), self.position),
        }
    }

    /// Stops the lab for the reason that stopped a guest.
    pub fn stop(&self, stop: Stop) -> Box<EvalAltResult> {
        let why = match stop {
            Stop::Fault(fault) => {
                let place =
                    if fault.helper.is_some() || fault.place.is_known() { fault.place } else { self.place() };
                Halt::Fault(Fault { place, ..fault })
            }
            Stop::NotMeasured(what) => Halt::NotMeasured(what),
            Stop::Deadline { .. } => Halt::Deadline,
            Stop::Bug(message) => {
                let (helper, command, hint) = (None, None, None);
                Halt::Fault(Fault { helper, place: self.place(), message, command, hint })
            }
        };
        halt(why, self.position)
    }

    /// Creates the error of a misuse of the vocabulary.
    pub fn misuse(&self, error: impl Into<String>, hint: impl Into<String>) -> Box<EvalAltResult> {
        let hint: String = hint.into();
        let hint = Some(hint).filter(|hint| !hint.is_empty());
        refused(Refusal { command: String::new(), error: error.into(), hint }, self.position)
    }
}
