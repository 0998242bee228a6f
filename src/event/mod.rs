//! The data that crosses the socket between a sandbox and the process that
//! asked for it: an [`Order`] down, [`Event`]s up.
//!
//! *Takes* nothing of ours but places and tables, *gives* plain data that
//! serde can carry, *never* opens a socket.

mod hex;
mod inquiry;
mod live;
mod unanswered;

pub use inquiry::{
    Aim, Answered, CallSite, Cause, Effects, Explanation, Findings, Inquiry, LabCommand, Lack, Misuse,
    Moment, Passed, PendingWhy, Probe, Scope, Suspect, Trail, TrailEnd, TrailStep, Way, Waypoint,
    WorkedUntil,
};

pub use live::{Live, LiveAsk};
pub use unanswered::{Asked, Unanswered};

use crate::lab::{Helper, Language, Place};
use crate::table::Table;
use serde::{Deserialize, Serialize};

/// The order to a sandbox: run one lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The path of the lab, for messages.
    pub path: String,
    /// The text of the lab.
    pub text: String,
    /// The helper files that it imports.
    pub helpers: Vec<Helper>,
    /// The deadline in milliseconds from the start of the script.
    pub timeout_ms: u64,
    /// The language that it is written in.
    pub language: Language,
    /// How long a command of a shell lab may take, in milliseconds.
    pub patience_ms: u64,
    /// Whether the front end watches each action. Each action is then carried
    /// out at once, and reports what it changed.
    pub watched: bool,
    /// Whether the namespaces stay when the lab has ended, until the parent
    /// releases them.
    pub linger: bool,
    /// Whether captured packets are wanted as files, too.
    pub captures: bool,
    /// The question to answer when the lab has run.
    pub inquiry: Option<Inquiry>,
    /// The script to run in the gap, if the lab is an exercise.
    pub submission: Option<Submission>,
    /// The shell of a person who works in the lab, if any.
    pub live: Option<Live>,
    /// The seed of what is drawn for a student. The empty seed draws the first
    /// of everything.
    pub seed: String,
    /// The seed of what is drawn after the submission has run. No student knows
    /// it. The empty seed draws the first of everything.
    pub secret: String,
}

/// The script that runs in the gap of an exercise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The path of the file, for messages.
    pub path: String,
    /// The text of the script.
    pub text: String,
    /// The language of the script.
    pub language: Language,
    /// The time limit, in milliseconds. It does not count towards the lab's
    /// own.
    pub timeout_ms: u64,
    /// Whether a student handed it in. Such a script is judged by what it has
    /// done, however it ends; a reference solution must reach its end.
    pub handed_in: bool,
}

/// An event of a sandbox, in the order in which it happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// `title("…")`
    Title(String),
    /// `step("…")`
    Step {
        /// The place of the step.
        place: Place,
        /// The text of the step.
        text: String,
    },
    /// `note("…")`, or Rhai's own `print`.
    Note {
        /// The place of the note.
        place: Place,
        /// The text of the note.
        text: String,
    },
    /// The lab changed something in the kernel.
    Acted(Action),
    /// A command of a shell lab has ended.
    Ran(Ran),
    /// A program failed for lack of a feature of the machine; the lab goes on.
    Lacked(Unmeasured),
    /// The lab asked something.
    Asked(Question),
    /// The lab reached an expectation.
    Expected(Expectation),
    /// A capture, at the end of the lab.
    Captured(Captured),
    /// The lab reached its gap: what follows is what this script does.
    Submitting {
        /// The path of the script.
        path: String,
    },
    /// The script in the gap has ended.
    Submitted {
        /// The reason why it did not reach its end.
        stop: Option<Stop>,
        /// Changes to things that it must leave alone, one line each.
        trespasses: Vec<String>,
    },
    /// An answered question that was not answered when asked again.
    Withdrawn {
        /// The place in the lab that asks.
        place: Place,
        /// The shell command that asks the same.
        command: String,
    },
    /// The person at work in the lab asks something, and waits for the answer.
    Live(LiveAsk),
    /// The script asks why, and waits for the answer.
    WhyAsked(Box<PendingWhy>),
    /// A replay that watches for its target ([`Aim::Watch`]) has asked it.
    Probed {
        /// The last line of the shell lab that had run.
        line: u32,
        /// Whether the target was reached then; none if the replay watches no longer, since that
        /// has taken too much time.
        reached: Option<bool>,
    },
    /// The findings of a replay about a question of why.
    Explained(Box<Findings>),
    /// The script ended before its last line.
    Stopped(Stop),
    /// The script reached its end.
    Ended,
}

/// The packets of one capture, as a file for tcpdump and tshark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Captured {
    /// The name of the file.
    pub name: String,
    /// How many packets are in it.
    pub packets: usize,
    /// The content of the file.
    #[serde(with = "hex")]
    pub pcap: Vec<u8>,
}

/// A change to the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Action {
    /// Its number, from 1.
    pub n: u32,
    /// The place in the script that asks for it.
    pub place: Place,
    /// The equivalent shell command.
    pub command: String,
    /// The process that it has started, by its PID in the sandbox.
    pub started: Option<i32>,
    /// The changes it made, one line each, if the front end watches.
    pub changes: Vec<String>,
    /// The reason why it was refused.
    pub refused: Option<Refusal>,
}

/// A command of a shell lab, which bash has run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Its number, from 1.
    pub n: u32,
    /// The file that the script sourced it from; `None` in the lab itself.
    pub helper: Option<String>,
    /// The place of the command.
    pub place: Place,
    /// The text of the command.
    pub command: String,
    /// Its output on both streams, in the order of arrival.
    pub output: String,
    /// Its exit code, if bash has reported it.
    pub code: Option<i32>,
    /// Whether the exit code is an answer, as in a condition, and not a
    /// failure.
    pub asks: bool,
    /// The reason and the way in which nslab ended it.
    pub ended: Option<String>,
    /// The changes it made, one line each, if the front end watches.
    pub changes: Vec<String>,
    /// Help, if it failed for lack of something known.
    pub hint: Option<String>,
    /// The way to ask again, if it asked for an answer from elsewhere and failed.
    pub pending_why: Option<Box<PendingWhy>>,
}

/// The refusal of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The equivalent shell command.
    pub command: String,
    /// The error message of the kernel, or of `ip`.
    pub error: String,
    /// Help for the user.
    pub hint: Option<String>,
}

/// A question, and the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The helper file of the script that asks; `None` in the lab itself.
    pub helper: Option<String>,
    /// The place in the script that asks.
    pub place: Place,
    /// The equivalent shell command.
    pub command: String,
    /// The answer as text, in the format the reader knows.
    pub text: String,
    /// The answer's rows, if it is a table.
    pub table: Option<Table>,
    /// The way to ask again, if it is about a path and there was no answer.
    pub pending_why: Option<Box<PendingWhy>>,
    /// The changes that the question made (a ping fills the neighbour tables),
    /// one line each, if the front end watches.
    pub changes: Vec<String>,
}

/// An expectation that the script reached, and whether it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Expectation {
    /// The name of the check.
    pub name: String,
    /// The place of the check.
    pub place: Place,
    /// The observation.
    pub found: Observed,
    /// Earlier checks that must pass for this one to mean something.
    pub needs: Vec<String>,
    /// Points for an exercise.
    pub points: Option<i64>,
    /// Help for a student whose check failed.
    pub hint: Option<String>,
}

/// The observation of an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed {
    /// A value that must hold, or must not.
    Value {
        /// Whether the expectation is met.
        met: bool,
        /// The expected value, in words.
        expected: String,
        /// The observed value, as text.
        seen: String,
    },
    /// A text to compare with the accepted one.
    Text(String),
}

/// The reason why a script ended before its last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The script has a fault, or an action was refused.
    Fault(Fault),
    /// The machine can't do what the script asks.
    NotMeasured(Unmeasured),
    /// The deadline has passed.
    Deadline {
        /// The last known place of the script.
        place: Place,
        /// The deadline in milliseconds.
        timeout_ms: u64,
    },
    /// A bug in nslab.
    Bug(String),
}

impl Stop {
    /// Returns the same for a script in this file.
    #[must_use]
    pub fn in_file(self, path: &str) -> Self {
        match self {
            Self::Fault(fault) => {
                let helper = fault.helper.or_else(|| Some(path.into()));
                Self::Fault(Fault { helper, ..fault })
            }
            other => other,
        }
    }
}

/// A fault in a script, at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The helper file that has the fault; `None` for the lab itself.
    pub helper: Option<String>,
    /// The place of the fault.
    pub place: Place,
    /// The error message: lower case, no full stop.
    pub message: String,
    /// The shell command equivalent to the refused action.
    pub command: Option<String>,
    /// Help for the user.
    pub hint: Option<String>,
}

/// A feature that could not be measured here, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmeasured {
    /// The place in the script that asks for it.
    pub place: Place,
    /// The missing feature of the machine.
    pub reason: String,
    /// The remedy for the machine's owner.
    pub remedy: Option<String>,
}
