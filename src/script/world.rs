//! What a running script acts on: the network, the way up, and the clock.

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

/// What a native function of ours returns.
pub(super) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Somebody who hears what a script does.
pub trait Teller {
    /// Hears an event, at once or soon.
    fn tell(&self, event: Event);

    /// Passes on what waits: something slow is about to begin.
    fn flush(&self);

    /// Has somebody find out why, and waits for the answer.
    fn ask_why(&self, pending_why: PendingWhy) -> Option<Answered>;
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
    lab_commands: RefCell<Vec<LabCommand>>,
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
    /// How many sweeps there have been.
    pub sweeps: Cell<u32>,
}

/// A place for the world, which comes to be after the vocabulary.
pub(super) type WorldCell = Rc<OnceCell<World>>;

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
            lab_commands: RefCell::default(),
            steps: RefCell::default(),
            in_wanted_step: Cell::new(false),
            replay: order.inquiry.is_some(),
            order: Rc::clone(order),
            guests,
            has_lived: Cell::new(false),
            in_gap: Cell::new(false),
            again: Again::default(),
            sweeps: Cell::new(0),
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
            self.lab_commands.borrow_mut().extend(LabCommand::of(&event));
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
    /// If somebody was to work there and can't.
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
            let findings = why::round(&self.network, &self.lab_commands.borrow(), &inquiry);
            self.teller.tell(Event::Explained(Box::new(findings)));
        }
    }

    /// Has somebody find out why, which takes none of the script's time.
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
