//! What crosses the socket between a sandbox and the process that asked for
//! it: an [`Order`] down, [`Event`]s up.
//!
//! *Takes* nothing of ours but places and tables, *gives* plain data that
//! serde can carry, *never* opens a socket.

mod hex;
mod inquiry;
mod live;

pub use inquiry::{
    Aim, Answered, CallSite, Cause, Explanation, Findings, Inquiry, LabCommand, Lack, Misuse, Moment, Passed,
    PendingWhy, Probe, Suspect, Trail, TrailEnd, TrailStep, Waypoint,
};

pub use live::{Live, LiveAsk};

use crate::lab::{Helper, Language, Place};
use crate::table::Table;
use serde::{Deserialize, Serialize};

/// What a sandbox is asked to do: run one lab.
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
    /// Whether somebody looks between the acts: each act is then carried out
    /// at once and says what it changed.
    pub watched: bool,
    /// Whether the namespaces stay when the lab has ended, until the parent
    /// lets them go.
    pub linger: bool,
    /// Whether the captured packets are wanted as files, too.
    pub captures: bool,
    /// What is asked when the lab has run.
    pub inquiry: Option<Inquiry>,
    /// What runs in the gap, where the lab is an exercise.
    pub submission: Option<Submission>,
    /// How somebody works in the lab, where somebody does.
    pub live: Option<Live>,
    /// What is drawn for a student depends on it; by the empty one the first
    /// of everything is drawn.
    pub seed: String,
    /// What is drawn when a submission has done its work depends on it, which
    /// nobody knows who hands something in; by the empty one the first of
    /// everything is drawn.
    pub secret: String,
}

/// What runs in the gap of an exercise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The path of the file, for messages.
    pub path: String,
    /// The text of the script.
    pub text: String,
    /// What it is written in.
    pub language: Language,
    /// How long it may take, in milliseconds, of which none is the lab's.
    pub timeout_ms: u64,
    /// Whether somebody has handed it in. However it ends, what it has left
    /// behind is judged then; a reference solution must come to its end.
    pub handed_in: bool,
}

/// What a sandbox tells, in the order in which it happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// `title("…")`
    Title(String),
    /// `step("…")`
    Step {
        /// Where it stands.
        place: Place,
        /// What it says.
        text: String,
    },
    /// `note("…")`, or Rhai's own `print`.
    Note {
        /// Where it stands.
        place: Place,
        /// What it says.
        text: String,
    },
    /// Something was done to the kernel.
    Acted(Action),
    /// A command of a shell lab has ended.
    Ran(Ran),
    /// A program was refused what the machine lacks; the lab goes on.
    Lacked(Unmeasured),
    /// Something was asked.
    Asked(Question),
    /// An expectation was reached.
    Expected(Expectation),
    /// A capture, at the lab's end.
    Captured(Captured),
    /// The lab came to its gap: what follows is what this script does.
    Submitting {
        /// The path of the script.
        path: String,
    },
    /// The script in the gap has ended.
    Submitted {
        /// Why it did not come to its end.
        stop: Option<Stop>,
        /// What it has changed that it must leave alone, a line each.
        trespasses: Vec<String>,
    },
    /// A question that somebody answered, and not when it was asked again.
    Withdrawn {
        /// Where the lab asks.
        place: Place,
        /// The shell command that asks the same.
        command: String,
    },
    /// Somebody at work in the lab asks something, and waits for the answer.
    Live(LiveAsk),
    /// The script asks why; it waits for the answer.
    WhyAsked(Box<PendingWhy>),
    /// Why one can't reach another, as a replay finds it.
    Explained(Box<Findings>),
    /// The script ended before its last line.
    Stopped(Stop),
    /// The script reached its end.
    Ended,
}

/// The packets of one capture, as a file that tcpdump and tshark read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Captured {
    /// The name of the file.
    pub name: String,
    /// How many packets are in it.
    pub packets: usize,
    /// The file.
    #[serde(with = "hex")]
    pub pcap: Vec<u8>,
}

/// Something that was done to the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Action {
    /// Its number, from 1.
    pub n: u32,
    /// Where the script asks for it.
    pub place: Place,
    /// The shell command that does the same.
    pub command: String,
    /// The process that it has started, by its number inside.
    pub started: Option<i32>,
    /// What it changed, a line each, where somebody watches.
    pub changes: Vec<String>,
    /// Why it was refused.
    pub refused: Option<Refusal>,
}

/// A command of a shell lab, which bash has run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Its number, from 1.
    pub n: u32,
    /// The file that the script has read it from; the lab itself otherwise.
    pub helper: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// The command as it stands there.
    pub command: String,
    /// What it printed, on both its streams, as it came.
    pub output: String,
    /// Its exit code, where bash has told it.
    pub code: Option<i32>,
    /// Whether that is an answer, as that of a condition, and no failure.
    pub asks: bool,
    /// Why and how it was ended by us.
    pub ended: Option<String>,
    /// What it changed, a line each, where somebody watches.
    pub changes: Vec<String>,
    /// What helps, where it failed for want of something that is known.
    pub hint: Option<String>,
}

/// Why an act was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The shell command that does the same.
    pub command: String,
    /// The kernel's words, or those of `ip`.
    pub error: String,
    /// What helps.
    pub hint: Option<String>,
}

/// Something that was asked, and the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// The helper file in which the script asks; the lab itself otherwise.
    pub helper: Option<String>,
    /// Where the script asks.
    pub place: Place,
    /// The shell command that asks the same.
    pub command: String,
    /// The answer as text, as the reader knows it.
    pub text: String,
    /// The answer's rows, where it is a table.
    pub table: Option<Table>,
    /// How to ask it again, where it is about a way and nobody answered.
    pub pending_why: Option<Box<PendingWhy>>,
    /// What asking changed (a ping fills the neighbour tables), a line each,
    /// where somebody watches.
    pub changes: Vec<String>,
}

/// An expectation that was reached, and whether it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Expectation {
    /// The name of the check.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What was found.
    pub found: Observed,
    /// Names of earlier checks without which this one says nothing.
    pub needs: Vec<String>,
    /// Points for an exercise.
    pub points: Option<i64>,
    /// What to tell somebody whose check failed.
    pub hint: Option<String>,
}

/// What an expectation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed {
    /// A value that must hold, or must not.
    Value {
        /// Whether the expectation is met.
        met: bool,
        /// What was expected, in words.
        expected: String,
        /// What was seen: the value as text.
        seen: String,
    },
    /// A text that is compared with the accepted one.
    Text(String),
}

/// Why a script ended before its last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The script is at fault, or an act was refused.
    Fault(Fault),
    /// The machine can't do what the script asks.
    NotMeasured(Unmeasured),
    /// The deadline has passed.
    Deadline {
        /// Where the script was, as far as is known.
        place: Place,
        /// The deadline in milliseconds.
        timeout_ms: u64,
    },
    /// A fault of ours.
    Bug(String),
}

impl Stop {
    /// The same, of a script that lies in this file.
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
    /// The helper file it is in; the lab itself otherwise.
    pub helper: Option<String>,
    /// Where.
    pub place: Place,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The shell command that does what was refused.
    pub command: Option<String>,
    /// What helps.
    pub hint: Option<String>,
}

/// What could not be measured here, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmeasured {
    /// Where the script asks for it.
    pub place: Place,
    /// What the machine lacks.
    pub reason: String,
    /// What the machine's owner can do about it.
    pub remedy: Option<String>,
}
