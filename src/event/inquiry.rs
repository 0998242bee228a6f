//! Why can one not reach another: what a sandbox is asked, and what it finds.

use super::Stop;
use crate::lab::Place;
use serde::{Deserialize, Serialize};

/// A question of why, which a sandbox answers when its lab has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// What is sent.
    pub probe: Probe,
    /// What it is for.
    pub aim: Aim,
    /// Suspects that were found innocent in another sandbox, by
    /// [`Suspect::key_after`].
    pub cleared: Vec<String>,
    /// When in the course of the lab it is asked.
    pub at: Moment,
    /// How long the search may take, in milliseconds.
    pub budget_ms: u64,
    /// Whether all that is known is wanted beside.
    pub records: bool,
}

/// What a sandbox is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aim {
    /// Find what is wrong: a cure that does not help spoils this sandbox.
    Seek,
    /// Keep each cure, though it does not help alone: what is wrong in several
    /// places may only be mended in all.
    Gather,
    /// See whether it is reached when these commands have run.
    Prove(Vec<String>),
}

/// A moment in the course of a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// When it has ended.
    #[default]
    End,
    /// When it comes to a place where it asks something itself.
    CallSite(CallSite),
    /// At the end of a step: its number, or how its text begins; of a shell
    /// lab, the line up to which commands run.
    Step(String),
}

/// A place at which a lab asks something, and the how manieth time it does so
/// there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// The helper file; the lab itself otherwise.
    pub helper: Option<String>,
    /// Where the lab asks.
    pub place: Place,
    /// From 1.
    pub nth: u32,
}

/// A question that nobody answered, or `why(…)`: what can be asked again in a
/// replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingWhy {
    /// What was sent.
    pub probe: Probe,
    /// Where the lab asks it.
    pub call_site: CallSite,
}

/// What is sent to find out: as `ping` and `curl` users know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The namespace that asks; `host` is the sandbox's own.
    pub from: String,
    /// An address, or a name.
    pub to: String,
    /// A TCP port to connect to, in place of an echo request.
    pub tcp: Option<u16>,
    /// The payload of the request, in bytes.
    pub size: Option<u16>,
    /// Whether fragments are forbidden.
    pub df: bool,
    /// The interface or the address to send from.
    pub interface: Option<String>,
    /// Whether a broadcast address is meant.
    pub broadcast: bool,
}

impl Probe {
    /// An echo request as `ping` sends it.
    pub fn to(from: &str, to: &str) -> Self {
        Self { from: from.into(), to: to.into(), ..Self::default() }
    }
}

/// What a sandbox has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Why the question makes no sense here.
    pub misuse: Option<Misuse>,
    /// Whether it was reached, when it was first asked.
    pub reached: bool,
    /// What the one who asks sees.
    pub symptom: String,
    /// Where packets were seen.
    pub path: Vec<Waypoint>,
    /// The ways that they took.
    pub trails: Vec<Trail>,
    /// What is wrong, as it was found: the first one was found in the network
    /// that the lab has left, each other one when those before were mended.
    pub causes: Vec<Suspect>,
    /// The suspect whose cure was tried here in vain, which has spoilt this
    /// sandbox.
    pub cleared: Option<Suspect>,
    /// Who else is suspected, and was not tried.
    pub others: Vec<Suspect>,
    /// Whether it was reached in the end.
    pub mended: bool,
    /// What the machine lacks to run them, and what helps.
    pub lacking: Option<Lack>,
    /// All that was known in each round, where that is wanted.
    pub known: Vec<serde_json::Value>,
}

/// What a machine lacks to try a cure, and what its owner can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// What it lacks.
    pub reason: String,
    /// What helps.
    pub remedy: String,
}

/// A question that makes no sense, and what would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misuse {
    /// What is wrong with it.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
}

/// Something that keeps a packet from its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// One of a documented list: [`crate`]'s `why --explain`.
    pub id: String,
    /// Where: `blue: eth0`, `router: chain FORWARD`.
    pub place: String,
    /// What is wrong, in a sentence.
    pub text: String,
    /// Commands that a person would type to mend it.
    pub fix: Vec<String>,
    /// What shows it: a command, and what it says.
    pub evidence: Vec<String>,
}

impl Suspect {
    /// What tells one suspect from another.
    pub fn key(&self) -> String {
        format!("{} {} {}", self.id, self.place, self.fix.join("; "))
    }

    /// The same where others were mended before: whose cure does not help
    /// alone may yet help as a second one.
    pub fn key_after(&self, others: &[Self]) -> String {
        let others: Vec<String> = others.iter().chain([self]).map(Self::key).collect();
        others.join(" > ")
    }
}

/// An interface on the way, and what was seen there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waypoint {
    /// The namespace.
    pub ns: String,
    /// The interface.
    pub dev: String,
    /// What passed.
    pub seen: Vec<Passed>,
}

/// The way that one packet took, interface by interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// What it is.
    pub what: Passed,
    /// Whose hardware address is asked for, or who says an error.
    pub about: Option<String>,
    /// Where it was seen, in their order.
    pub steps: Vec<TrailStep>,
    /// What became of it.
    pub end: TrailEnd,
}

/// A packet at an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStep {
    /// The namespace.
    pub ns: String,
    /// The interface.
    pub dev: String,
    /// Whether it was on its way out.
    pub out: bool,
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrailEnd {
    /// It came where it was to come.
    Arrived,
    /// It waits for a hardware address.
    Waits,
    /// It was lost in this namespace.
    Within(String),
    /// It was lost on the way to the next interface, where that is known.
    Before(Option<TrailStep>),
    /// It goes in a circle.
    Round,
}

/// What passed an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passed {
    /// The echo request, or the segment that asks for a connection.
    Request,
    /// The question for a hardware address: ARP, or a neighbour solicitation.
    ArpRequest,
    /// Its answer.
    ArpReply,
    /// What was asked for.
    Reply,
    /// An ICMP error, or a segment that refuses the connection.
    Error,
}

/// Something that the lab did, for whoever looks into it later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabCommand {
    /// Where the lab says it.
    pub place: Place,
    /// The command, as one would type it.
    pub command: String,
    /// What was said where it failed.
    pub failed: Option<String>,
}

impl LabCommand {
    /// What an event says was done.
    pub fn of(event: &super::Event) -> Option<Self> {
        match event {
            super::Event::Acted(action) => Some(Self {
                place: action.place,
                command: action.command.clone(),
                failed: action.refused.as_ref().map(|refused| refused.error.clone()),
            }),
            super::Event::Ran(ran) => Some(Self {
                place: ran.place,
                command: ran.command.clone(),
                failed: (ran.code != Some(0) && ran.code.is_some()).then(|| ran.output.clone()),
            }),
            _ => None,
        }
    }
}

/// Why one can't reach another: what all sandboxes together have found. As
/// JSON it is what `nslab why --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The namespace that asks.
    pub from: String,
    /// Whom it asks.
    pub to: String,
    /// Whether it is reached.
    pub reached: bool,
    /// What the one who asks sees.
    pub symptom: String,
    /// Where packets were seen.
    pub path: Vec<Waypoint>,
    /// The ways that they took.
    #[serde(skip)]
    pub trails: Vec<Trail>,
    /// The first of the causes.
    pub cause: Option<Cause>,
    /// What is wrong, most decisive first. Where nothing is proved, these are
    /// the likely ones.
    pub causes: Vec<Cause>,
    /// What one would type to mend it.
    pub fix: Vec<String>,
    /// Whether a replay of the lab with these commands has reached it.
    pub proved: bool,
    /// What shows it, a command and what it says.
    #[serde(skip)]
    pub evidence: Vec<String>,
    /// Why no cure could be tried.
    #[serde(skip)]
    pub lacking: Option<Lack>,
    /// Why the lab went no further, where it stopped half-way.
    #[serde(skip)]
    pub stopped: Option<Stop>,
    /// All that was known in each round of the first search, where that is wanted.
    #[serde(skip)]
    pub known: Vec<serde_json::Value>,
}

/// What a lab is answered that has asked why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    /// The answer.
    pub explanation: Explanation,
    /// The same as a person reads it.
    pub text: String,
    /// Why no cure could be tried.
    pub lacking: Option<Lack>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// One of the documented list.
    pub id: String,
    /// Where.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong, in a sentence.
    pub text: String,
}

impl From<&Suspect> for Cause {
    fn from(suspect: &Suspect) -> Self {
        let Suspect { id, place, text, .. } = suspect.clone();
        Self { id, place, text }
    }
}
