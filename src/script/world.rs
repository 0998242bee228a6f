//! The surroundings of a running script: the network, the line to the parent, and
//! the clock.

mod call;

pub(super) use call::Call;

use super::again::Again;
use crate::event::{
    Answered, Event, Fault, Findings, Inquiry, LabCommand, Misuse, Moment, Order, PendingWhy, Refusal, Stop,
    Submission, Unmeasured,
};
use crate::lab::Place;
use crate::net::{NetError, Network};
use crate::why;
use rhai::{Dynamic, EvalAltResult, Map, Position};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The return type of native functions.
pub(super) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A receiver of a script's events.
pub trait Teller {
    /// Takes an event, and passes it on now or soon.
    fn tell(&self, event: Event);

    /// Passes on waiting events before something slow begins.
    fn flush(&self);

    /// Passes on a question of why, and waits for the answer.
    fn ask_why(&self, pending_why: PendingWhy) -> Option<Answered>;
}

/// Runs a bash script in the gap of an exercise.
pub type Shell = fn(&Network, &Order, &Submission, &dyn Fn(Event)) -> Result<(), Stop>;

/// The others who act in a lab's network.
pub struct Guests {
    /// Runs a bash script in the gap of an exercise.
    pub shell: Shell,
    /// Lets a person work in the network, if ordered.
    pub live: Box<dyn Fn(&Network) -> Result<(), Stop>>,
}

/// The world of one running script.
pub(super) struct World {
    pub network: Network,
    pub watched: bool,
    /// The calls of `veth` whose pair may be created later.
    may_wait: BTreeSet<Place>,
    teller: Box<dyn Teller>,
    acts: Cell<u32>,
    deadline: Cell<Instant>,
    /// The events of an `eventually` while it tries: only its last try counts.
    held: RefCell<Option<Vec<Event>>>,
    snapshots: RefCell<HashSet<String>>,
    /// The number of questions about a path at each place.
    visits: RefCell<BTreeMap<(Option<String>, Place), u32>>,
    /// The inquiry of this replay, and the commands so far.
    inquiry: RefCell<Option<Inquiry>>,
    lab_commands: RefCell<Vec<LabCommand>>,
    /// The steps so far, and whether the last one is the step at whose end the
    /// inquiry comes.
    steps: RefCell<Vec<String>>,
    in_wanted_step: Cell<bool>,
    /// Whether this is a replay.
    replay: bool,
    /// The order for this lab.
    pub order: Rc<Order>,
    guests: Guests,
    /// Whether the person has worked in it; the lab then goes no further.
    has_lived: Cell<bool>,
    /// The namespaces that the script in the gap may change, if the exercise limits them.
    pub only: RefCell<Option<Vec<String>>>,
    /// Whether the script in the gap is acting.
    in_gap: Cell<bool>,
    /// The good answers since a submission is judged.
    again: Again,
    /// The number of sweeps so far.
    pub sweeps: Cell<u32>,
}

/// A cell for the world, which is created after the vocabulary.
pub(super) type WorldCell = Rc<OnceCell<World>>;

/// The reason why a script can't go on, whatever it catches.
#[derive(Debug, Clone)]
pub(super) enum Halt {
    Deadline,
    NotMeasured(Unmeasured),
    /// The purpose of this run is fulfilled.
    Done,
    /// An error in the script.
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
            lab_commands: RefCell::default(),
            steps: RefCell::default(),
            in_wanted_step: Cell::new(false),
            replay: order.inquiry.is_some(),
            order: Rc::clone(order),
            guests,
            has_lived: Cell::new(false),
            only: RefCell::default(),
            in_gap: Cell::new(false),
            again: Again::default(),
            sweeps: Cell::new(0),
        }
    }

    /// Returns the script that runs in the gap.
    pub fn submission(&self) -> Option<&Submission> {
        self.order.submission.as_ref()
    }

    /// Tells whether the script in the gap is acting.
    pub fn is_in_gap(&self) -> bool {
        self.in_gap.get()
    }

    /// Runs the script in the gap. It does not use the lab's time, and its
    /// programs are separate from the judge's. Afterwards its running programs
    /// are frozen, except for these services.
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

    /// Repeats the questions with good answers since a submission is judged, and
    /// withdraws those without an answer now.
    pub fn ask_again(&self) {
        for (place, command) in self.again.ask(&self.network, || self.is_late()) {
            self.tell(Event::Withdrawn { place, command });
        }
    }

    /// Runs a bash script.
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
            self.lab_commands.borrow_mut().extend(LabCommand::of(&event));
        }
        self.teller.tell(event);
    }

    /// Tells whether the purpose of this run is fulfilled: an inquiry was
    /// answered, or the person has worked in it.
    pub fn is_done(&self) -> bool {
        self.has_lived.get() || self.replay && self.inquiry.borrow().is_none()
    }

    /// Tells whether a person is to work in the gap.
    pub fn lives_in_gap(&self) -> bool {
        self.order.live.as_ref().is_some_and(|live| live.at.is_none()) && !self.has_lived.get()
    }

    /// Lets a person work in the network, if ordered.
    pub fn live(&self) -> Result<(), Stop> {
        if self.order.live.is_some() && !self.has_lived.get() {
            self.flush();
            (self.guests.live)(&self.network)?;
            self.has_lived.set(true);
        }
        Ok(())
    }

    /// Lets a person work at the lab's end, or reports that the wanted step was
    /// not reached.
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

    /// Answers the inquiry of this replay at the lab's end.
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

    /// Takes a step. If the step before it was the wanted one, answers the
    /// inquiry and returns true.
    ///
    /// # Errors
    ///
    /// If a person was to work there and can't.
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

    /// Returns the namespaces where a cure may act: those that the exercise names and that are
    /// there, and of these only the typed ones. A typed name that nobody has stays, to be refused.
    fn limited(&self, own: &[String], typed: Option<&[String]>) -> Vec<String> {
        let all = self.network.all_namespaces().unwrap_or_default();
        let is_there = |name: &String| all.iter().any(|netns| netns.name() == name);
        match typed {
            Some(typed) => {
                typed.iter().filter(|name| own.contains(name) || !is_there(name)).cloned().collect()
            }
            None => own.iter().filter(|name| is_there(name)).cloned().collect(),
        }
    }

    /// Answers the inquiry of this replay, once.
    pub fn inquire(&self) {
        if let Some(mut inquiry) = self.inquiry.take() {
            if let Some(own) = &*self.only.borrow() {
                inquiry.scope.only = Some(self.limited(own, inquiry.scope.only.as_deref()));
            }
            let findings = why::round(&self.network, &self.lab_commands.borrow(), &inquiry);
            self.teller.tell(Event::Explained(Box::new(findings)));
        }
    }

    /// Passes on a question of why, which does not use the script's time.
    pub fn ask_why(&self, pending_why: PendingWhy) -> Option<Answered> {
        let began = Instant::now();
        let answer = self.teller.ask_why(pending_why);
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

    /// Returns the time at which the script must be done.
    pub fn deadline(&self) -> Instant {
        self.deadline.get()
    }

    /// Limits a time to that until the deadline.
    pub fn at_most(&self, ms: u64) -> u64 {
        let left = self.deadline.get().saturating_duration_since(Instant::now()).as_millis();
        // A little more, so that a wait of this length ends after the deadline.
        ms.min(u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// Drops the held events and holds new ones.
    pub fn hold(&self) {
        self.held.replace(Some(Vec::new()));
    }

    /// Reports the held events.
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

fn refusal(command: &str, error: &NetError) -> Refusal {
    Refusal { command: command.into(), error: error.error.clone(), hint: error.hint.clone() }
}

/// Returns the place of a position in the script.
pub(super) fn place(position: Position) -> Place {
    Place::new(
        position.line().unwrap_or(0).try_into().unwrap_or(0),
        position.position().unwrap_or(0).try_into().unwrap_or(0),
    )
}

/// Creates an error that `try … catch (e)` catches as a map with `command`,
/// `error` and `hint`.
pub(super) fn refused(refusal: Refusal, position: Position) -> Box<EvalAltResult> {
    let text = |text: Option<String>| text.map_or(Dynamic::UNIT, Dynamic::from);
    let map = Map::from([
        ("command".into(), text(Some(refusal.command).filter(|command| !command.is_empty()))),
        ("error".into(), refusal.error.into()),
        ("hint".into(), text(refusal.hint)),
    ]);
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from_map(map), position))
}

/// Creates an error that nothing catches.
pub(super) fn halt(halt: Halt, position: Position) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(halt), position))
}
