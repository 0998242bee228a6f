//! What a running script acts on: the network, the way up, and the clock.

use super::again::{Again, Answered as AnsweredWell};
use crate::event::{
    Action, Answered, Deed, Door, Event, Fault, Findings, Inquiry, Misuse, Moment, Order, Probe, Question,
    Refusal, Stop, Submission, Unmeasured, Wonder,
};
use crate::lab::Place;
use crate::net::{NetError, Network};
use crate::table::Table;
use crate::why;
use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext, Position};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a native function of ours returns.
pub(super) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Somebody who hears what a script does.
pub trait Teller {
    /// Hears an event, at once or soon.
    fn tell(&self, event: Event);

    /// Passes on what waits: something slow is about to begin.
    fn flush(&self);

    /// Has somebody find out why, and waits for the answer.
    fn wonder(&self, wonder: Wonder) -> Option<Answered>;
}

/// Runs a script of bash in the gap of an exercise.
pub type Shell = fn(&Network, &Order, &Submission, &dyn Fn(Event)) -> Result<(), Stop>;

/// Who else acts in a lab's network.
pub struct Guests {
    /// Runs what is a script of bash in the gap of an exercise.
    pub shell: Shell,
    /// Lets somebody work in it, where that is ordered.
    pub live: Box<dyn Fn(&Network) -> Result<(), Stop>>,
}

/// The world of one running script.
pub(super) struct World {
    pub network: Network,
    pub watched: bool,
    /// The calls of `veth` whose pair may wait before it is laid.
    may_wait: BTreeSet<Place>,
    teller: Box<dyn Teller>,
    acts: Cell<u32>,
    deadline: Cell<Instant>,
    /// Where events go while an `eventually` tries: only its last try counts.
    held: RefCell<Option<Vec<Event>>>,
    snapshots: RefCell<HashSet<String>>,
    /// How often each place has asked about a way.
    visits: RefCell<BTreeMap<(Option<String>, Place), u32>>,
    /// What is to be found out in this replay, and what was done until then.
    inquiry: RefCell<Option<Inquiry>>,
    deeds: RefCell<Vec<Deed>>,
    /// The steps so far, and whether the last one is the one after which it is
    /// asked.
    steps: RefCell<Vec<String>>,
    in_wanted_step: Cell<bool>,
    /// Whether this is a replay.
    replay: bool,
    /// What was ordered.
    pub order: Rc<Order>,
    guests: Guests,
    /// Whether somebody has worked in it, who came to see nothing else.
    has_lived: Cell<bool>,
    /// Whether it is the script in the gap that acts.
    in_gap: Cell<bool>,
    /// What was answered well since a submission is judged.
    again: Again,
}

/// A place for the world, which comes to be after the vocabulary.
pub(super) type Stand = Rc<OnceCell<World>>;

/// Why a script can't go on, whatever it catches.
#[derive(Debug, Clone)]
pub(super) enum Halt {
    Deadline,
    NotMeasured(Unmeasured),
    /// What the lab was run for is done.
    Done,
    /// A mistake in the script.
    Fault(Fault),
}

impl World {
    pub fn new(
        network: Network,
        teller: Box<dyn Teller>,
        may_wait: BTreeSet<Place>,
        guests: Guests,
        order: &Rc<Order>,
    ) -> Self {
        Self {
            network,
            watched: order.watched,
            may_wait,
            teller,
            acts: Cell::new(0),
            deadline: Cell::new(Instant::now() + Duration::from_millis(order.timeout_ms)),
            held: RefCell::default(),
            snapshots: RefCell::default(),
            visits: RefCell::default(),
            inquiry: RefCell::new(order.inquiry.clone()),
            deeds: RefCell::default(),
            steps: RefCell::default(),
            in_wanted_step: Cell::new(false),
            replay: order.inquiry.is_some(),
            order: Rc::clone(order),
            guests,
            has_lived: Cell::new(false),
            in_gap: Cell::new(false),
            again: Again::default(),
        }
    }

    /// What runs in the gap.
    pub fn submission(&self) -> Option<&Submission> {
        self.order.submission.as_ref()
    }

    /// Tells whether it is the script in the gap that acts.
    pub fn is_in_gap(&self) -> bool {
        self.in_gap.get()
    }

    /// Has the script in the gap act, which takes none of the lab's time, and
    /// whose programs are apart from the judge's. What they have left running
    /// stands still then, but for these services.
    pub fn in_gap<T>(
        &self,
        timeout_ms: u64,
        services: &[String],
        act: impl FnOnce() -> T,
    ) -> Result<T, NetError> {
        let began = Instant::now();
        let lab = self.deadline.replace(began + Duration::from_millis(timeout_ms));
        self.in_gap.set(true);
        let done = self.network.confine(true).map(|()| act());
        self.in_gap.set(false);
        self.deadline.set(lab + began.elapsed());
        self.network.confine(false)?;
        self.network.freeze(services)?;
        self.again.begin();
        done
    }

    /// Asks again what was answered well since a submission is judged, and takes
    /// back what was not answered again.
    pub fn ask_again(&self) {
        for (place, command) in self.again.ask(&self.network, || self.is_late()) {
            self.tell(Event::Withdrawn { place, command });
        }
    }

    /// Runs a script of bash.
    pub fn run_shell(&self, submission: &Submission) -> Result<(), Stop> {
        (self.guests.shell)(&self.network, &self.order, submission, &|event| self.tell(event))
    }

    pub fn tell(&self, event: Event) {
        match &mut *self.held.borrow_mut() {
            Some(held) => held.push(event),
            None => self.pass_on(event),
        }
    }

    fn pass_on(&self, event: Event) {
        if self.replay {
            self.deeds.borrow_mut().extend(Deed::of(&event));
        }
        self.teller.tell(event);
    }

    /// Tells whether what the lab was run for is done: an inquiry was
    /// answered, or somebody has worked in it.
    pub fn is_done(&self) -> bool {
        self.has_lived.get() || self.replay && self.inquiry.borrow().is_none()
    }

    /// Tells whether somebody is to work in the gap.
    pub fn lives_in_gap(&self) -> bool {
        self.order.live.as_ref().is_some_and(|live| live.at.is_none()) && !self.has_lived.get()
    }

    /// Lets somebody work in the network, where that is ordered.
    pub fn live(&self) -> Result<(), Stop> {
        if self.order.live.is_some() && !self.has_lived.get() {
            self.flush();
            (self.guests.live)(&self.network)?;
            self.has_lived.set(true);
        }
        Ok(())
    }

    /// Lets somebody work at the lab's end, or says that it did not come to the
    /// step that is wanted.
    pub fn live_at_end(&self) -> Result<(), Stop> {
        let at = self.order.live.as_ref().and_then(|live| live.at.clone());
        match at {
            Some(step) if !self.in_wanted_step.get() && !self.has_lived.get() => {
                let Misuse { message, hint } = self.no_such_step(&step);
                let (helper, place, command) = (None, Place::default(), None);
                Err(Stop::Fault(Fault { helper, place, message, command, hint }))
            }
            _ => self.live(),
        }
    }

    /// Answers the inquiry that this replay was made for, at the lab's end.
    pub fn inquire_at_end(&self) {
        let wanted = self.inquiry.borrow().as_ref().map(|inquiry| inquiry.at.clone());
        match wanted {
            Some(Moment::Step(step)) if !self.in_wanted_step.get() => {
                self.inquiry.take();
                let findings = Findings { misuse: Some(self.no_such_step(&step)), ..Findings::default() };
                self.teller.tell(Event::Explained(Box::new(findings)));
            }
            _ => self.inquire(),
        }
    }

    fn no_such_step(&self, step: &str) -> Misuse {
        let steps = self.steps.borrow();
        let list: Vec<String> =
            steps.iter().enumerate().map(|(n, text)| format!("{} `{text}`", n + 1)).collect();
        let message = format!("the lab has no step `{step}`");
        let hint = match list.is_empty() {
            true => "it has no `step(…)` at all".to_string(),
            false => format!("its steps are {}", list.join(", ")),
        };
        Misuse { message, hint: Some(hint) }
    }

    /// Comes to a step. Where the one before it was the last that is wanted
    /// in this replay, answers the inquiry and says that all is done.
    ///
    /// # Errors
    ///
    /// Where somebody was to work there and can't.
    pub fn come_to_step(&self, text: &str) -> Result<bool, Stop> {
        if self.in_wanted_step.get() {
            self.inquire();
            self.live()?;
            return Ok(true);
        }
        self.steps.borrow_mut().push(text.into());
        let number = self.steps.borrow().len().to_string();
        let begins =
            |wanted: &str| *wanted == number || text.to_lowercase().starts_with(&wanted.to_lowercase());
        let live = self.order.live.as_ref().and_then(|live| live.at.as_deref());
        let is_wanted = live.is_some_and(begins)
            || matches!(self.inquiry.borrow().as_ref(), Some(Inquiry { at: Moment::Step(wanted), .. }) if begins(wanted));
        self.in_wanted_step.set(is_wanted);
        Ok(false)
    }

    /// Answers the inquiry that this replay was made for; once.
    pub fn inquire(&self) {
        if let Some(inquiry) = self.inquiry.take() {
            let findings = why::round(&self.network, &self.deeds.borrow(), &inquiry);
            self.teller.tell(Event::Explained(Box::new(findings)));
        }
    }

    /// Has somebody find out why, which takes none of the script's time.
    pub fn wonder(&self, wonder: Wonder) -> Option<Answered> {
        let began = Instant::now();
        let answer = self.teller.wonder(wonder);
        self.deadline.set(self.deadline.get() + began.elapsed());
        answer
    }

    pub fn flush(&self) {
        self.teller.flush();
    }

    /// Tells whether the deadline has passed.
    pub fn is_late(&self) -> bool {
        Instant::now() >= self.deadline.get()
    }

    /// When the script must be done.
    pub fn deadline(&self) -> Instant {
        self.deadline.get()
    }

    /// At most so long until the deadline.
    pub fn at_most(&self, ms: u64) -> u64 {
        let left = self.deadline.get().saturating_duration_since(Instant::now()).as_millis();
        // A little more, so that who waited so long is late.
        ms.min(u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// Forgets what was held and begins anew.
    pub fn hold(&self) {
        self.held.replace(Some(Vec::new()));
    }

    /// Tells what was held.
    pub fn release(&self) {
        for event in self.held.take().unwrap_or_default() {
            self.pass_on(event);
        }
    }

    /// Tells whether a snapshot of this name is the first in this run.
    pub fn is_first_snapshot(&self, name: &str) -> bool {
        self.snapshots.borrow_mut().insert(name.into())
    }
}

/// One call of a native function: the world, and where the script calls.
pub(super) struct Call<'a> {
    pub world: &'a World,
    pub position: Position,
    helper: Option<String>,
}

impl<'a> Call<'a> {
    /// Starts a call; a script that is late goes no further.
    pub fn new(stand: &'a Stand, context: &NativeCallContext) -> Fallible<Self> {
        let position = context.call_position();
        let Some(world) = stand.get() else {
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

    /// Gives an answer that came in time. One that was cut off by the deadline
    /// says nothing.
    pub fn in_time<T>(&self, answer: T) -> Fallible<T> {
        if self.world.is_late() { Err(halt(Halt::Deadline, self.position)) } else { Ok(answer) }
    }

    /// Tells whether the pair that is made here may wait before it is laid.
    pub fn may_wait(&self) -> bool {
        self.world.may_wait.contains(&self.place())
    }

    /// The door through which every act goes: numbered, with its place, the
    /// command that does the same and, where somebody watches, what it
    /// changed.
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
        // What a submission was refused is said to whoever judges it.
        if let Err(NetError { error, unmeasured: Some(remedy), .. }) = &result
            && self.world.is_in_gap()
        {
            let what = Unmeasured { place, reason: error.clone(), remedy: Some(remedy.clone()) };
            self.world.tell(Event::Lacked(what));
        }
        result.map_err(|error| self.fault(&command, error))
    }

    /// Comes to a place where what is judged may change: it has to be now as it
    /// was when it was judged.
    pub fn ask_again(&self) {
        if !self.world.is_in_gap() {
            self.world.ask_again();
        }
    }

    /// Comes to a place where it is asked about a way. In a replay that was
    /// made for this very place, the script goes no further.
    pub fn door(&self, probe: Probe) -> Fallible<Wonder> {
        let place = self.place();
        let nth = {
            let mut visits = self.world.visits.borrow_mut();
            let nth = visits.entry((self.helper.clone(), place)).or_default();
            *nth += 1;
            *nth
        };
        let door = Door { helper: self.helper.clone(), place, nth };
        let is_wanted = |inquiry: &Inquiry| inquiry.at == Moment::Door(door.clone());
        if self.world.inquiry.borrow().as_ref().is_some_and(is_wanted) {
            self.world.inquire();
            return Err(halt(Halt::Done, self.position));
        }
        Ok(Wonder { probe, door })
    }

    /// The same for questions: each is told with its answer.
    pub fn ask<T>(
        &self,
        command: String,
        ask: impl FnOnce(&Network) -> Result<T, NetError>,
        show: impl FnOnce(&T) -> (String, Option<Table>),
    ) -> Fallible<T> {
        self.ask_about(command, ask, show, |_| None)
    }

    /// The same for questions about a way, which can be asked again where
    /// nobody answered.
    pub fn ask_about<T>(
        &self,
        command: String,
        ask: impl FnOnce(&Network) -> Result<T, NetError>,
        show: impl FnOnce(&T) -> (String, Option<Table>),
        wonder: impl FnOnce(&T) -> Option<Wonder>,
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
            wonder: wonder(&answer).map(Box::new),
            changes,
        }));
        Ok(answer)
    }

    /// The same where somebody may answer, which `holds` tells; what one has
    /// answered to a submission's judge is asked again.
    pub fn ask_somebody<T>(
        &self,
        command: String,
        ask: impl Fn(&Network) -> Result<T, NetError> + 'static,
        holds: impl Fn(&T) -> bool + 'static,
        show: impl FnOnce(&T) -> (String, Option<Table>),
        wonder: impl FnOnce(&T) -> Option<Wonder>,
    ) -> Fallible<T> {
        let answer = self.ask_about(command.clone(), &ask, show, wonder)?;
        if holds(&answer) && self.helper.is_none() && !self.world.is_in_gap() {
            let ask = Box::new(move |network: &Network| ask(network).is_ok_and(|answer| holds(&answer)));
            self.world.again.keep(AnsweredWell { place: self.place(), command, ask });
        }
        Ok(answer)
    }

    fn changes(&self) -> Fallible<Vec<String>> {
        match self.world.watched {
            false => Ok(Vec::new()),
            true => self.world.network.changes().map_err(|error| self.fault("", error)),
        }
    }

    /// An error of the network as one of the script's.
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

    /// What stops somebody else who acts in the lab stops the lab.
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

    /// A misuse of the vocabulary.
    pub fn misuse(&self, error: impl Into<String>, hint: impl Into<String>) -> Box<EvalAltResult> {
        let hint: String = hint.into();
        let hint = Some(hint).filter(|hint| !hint.is_empty());
        refused(Refusal { command: String::new(), error: error.into(), hint }, self.position)
    }
}

fn refusal(command: &str, error: &NetError) -> Refusal {
    Refusal { command: command.into(), error: error.error.clone(), hint: error.hint.clone() }
}

/// The place of a position in the script.
pub(super) fn place(position: Position) -> Place {
    Place::new(
        position.line().unwrap_or(0).try_into().unwrap_or(0),
        position.position().unwrap_or(0).try_into().unwrap_or(0),
    )
}

/// An error that `try … catch (e)` catches as a map with `command`, `error`
/// and `hint`.
pub(super) fn refused(refusal: Refusal, position: Position) -> Box<EvalAltResult> {
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Dynamic::from);
    let map = Map::from([
        ("command".into(), text(Some(refusal.command).filter(|command| !command.is_empty()))),
        ("error".into(), refusal.error.into()),
        ("hint".into(), text(refusal.hint)),
    ]);
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from_map(map), position))
}

/// An error that nothing catches.
pub(super) fn halt(halt: Halt, position: Position) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(halt), position))
}
