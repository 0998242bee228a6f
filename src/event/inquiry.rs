//! The data of a diagnosis: the question to a sandbox, and its findings.

use super::Stop;
use crate::lab::Place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

/// A question of why, which a sandbox answers when its lab has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// The packet to send.
    pub probe: Probe,
    /// The purpose of the search.
    pub aim: Aim,
    /// Suspects that another sandbox found innocent, by [`Suspect::key_after`].
    pub cleared: Vec<String>,
    /// The moment of the lab at which it is asked.
    pub at: Moment,
    /// The limits of what a cure may change.
    pub scope: Scope,
    /// The time limit of the search, in milliseconds.
    pub budget_ms: u64,
    /// Whether the findings include all known facts ([`Findings::known`]).
    pub records: bool,
}

/// The part of the network that a cure may change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The namespaces where it may act; all of them if there is no list.
    pub only: Option<Vec<String>>,
    /// The namespace that plays the world outside of the lab: it has the target's address if
    /// nobody else has it, and no cure may act there.
    pub outside: Option<String>,
}

/// The purpose of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aim {
    /// Find the cause. A cure that does not help spoils this sandbox.
    Seek,
    /// Keep each cure, even if it does not help alone: faults in several places
    /// may only be curable together.
    Gather,
    /// Measure who reaches whom.
    Measure,
    /// Ask after each command of a shell lab whether the target is reached.
    Watch,
    /// Check whether the probe is answered after these commands, and measure the same ways
    /// again.
    Prove {
        /// The commands.
        cures: Vec<String>,
        /// The ways as they were without the commands.
        ways: Vec<Way>,
    },
}

/// A way between two namespaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Way {
    /// The namespace that asks.
    pub from: String,
    /// The address that it asks from; the kernel's choice if there is none.
    pub source: Option<IpAddr>,
    /// The namespace that has the address.
    pub owner: String,
    /// The address that is asked.
    pub to: IpAddr,
    /// The TCP port; an echo request if there is none.
    pub port: Option<u16>,
    /// Whether it joins the two namespaces that the probe is about.
    pub own: bool,
    /// Whether there was an answer.
    pub open: bool,
}

impl Way {
    /// A port at which nobody listens. A host's reset shows that firewalls let it through.
    pub const SHUT: u16 = 61_234;
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.from)?;
        self.source.map_or(Ok(()), |source| write!(f, " ({source})"))?;
        write!(f, " → {} ({})", self.owner, self.to)?;
        match self.port {
            None => Ok(()),
            Some(Self::SHUT) => f.write_str(" other TCP ports"),
            Some(port) => write!(f, " port {port}"),
        }
    }
}

/// The effects of a cure on everything that was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// The number of other ways that were measured.
    pub asked: usize,
    /// The ways that were open before, and are not any more.
    pub lost: Vec<Way>,
    /// The ways that were not open before, and are now.
    pub opened: Vec<Way>,
    /// The addresses that answered somebody before, and answer nobody now.
    #[serde(skip)]
    pub gone: BTreeSet<IpAddr>,
}

impl Effects {
    /// Compares the same ways before and after a cure, without the probe's own way and its
    /// reverse.
    pub fn between(before: &[Way], after: &[Way], probe: &Probe, target: Option<IpAddr>) -> Self {
        let there = after.iter().find(|way| Some(way.to) == target).map(|way| way.owner.as_str());
        let mut effects = Self::default();
        for (before, after) in before.iter().zip(after) {
            let (from, owner) = (after.from.as_str(), after.owner.as_str());
            let (goes, comes) =
                (from == probe.from && Some(owner) == there, owner == probe.from && Some(from) == there);
            let asked = goes && Some(after.to) == target || comes;
            if asked && after.port == probe.tcp && probe.udp.is_none() && after.source.is_none() {
                continue;
            }
            effects.asked += 1;
            let way = || Way { own: goes || comes, ..after.clone() };
            match (before.open, after.open) {
                (true, false) => effects.lost.push(way()),
                (false, true) => effects.opened.push(way()),
                _ => {}
            }
        }
        let answers = |ways: &[Way]| -> BTreeSet<IpAddr> {
            ways.iter().filter(|way| way.open).map(|way| way.to).collect()
        };
        effects.gone = &answers(before) - &answers(after);
        effects
    }

    /// Tells whether a cure does less harm than another one. If both take an address away, only
    /// lost ways count: an address in its right place opens again what was meant to be open.
    pub fn is_better_than(&self, other: &Self) -> bool {
        match self.gone.is_empty() || other.gone.is_empty() {
            true => self.harm() < other.harm(),
            false => self.harm().0 < other.harm().0,
        }
    }

    /// Returns the numbers of lost and of opened ways, by which cures are compared. An address
    /// that is gone counts once: how many asked it says nothing.
    pub fn harm(&self) -> (usize, usize) {
        let ways = self.lost.iter().filter(|way| !self.gone.contains(&way.to)).count();
        (ways + self.gone.len(), self.opened.len())
    }
}

/// A moment in the course of a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// The end of the lab.
    #[default]
    End,
    /// The call, or in a shell lab the command, with which the lab asks something itself. It is
    /// not asked there.
    CallSite(CallSite),
    /// The end of a step: its number, or how its text begins. In a shell lab,
    /// the line up to which commands run.
    Step(String),
}

/// A call of the lab's script that asks something, and how many times the
/// script has been there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// The helper file; `None` in the lab itself.
    pub helper: Option<String>,
    /// The place in the lab that asks.
    pub place: Place,
    /// The number of this call at that place, from 1.
    pub nth: u32,
}

/// A question without an answer, or `why(…)`, which can be asked again in a
/// replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingWhy {
    /// The packet that was sent.
    pub probe: Probe,
    /// The call that asks it.
    pub call_site: CallSite,
}

/// The packet to send, in the terms of `ping` and `curl`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The namespace that asks; `host` is the sandbox's own.
    pub from: String,
    /// An address, or a name.
    pub to: String,
    /// A TCP port to connect to, in place of an echo request.
    pub tcp: Option<u16>,
    /// A UDP port to send a datagram to, in place of an echo request.
    pub udp: Option<u16>,
    /// The payload of the request, in bytes; with a TCP port, what is sent once the connection
    /// is made.
    pub size: Option<u16>,
    /// Whether fragmentation is forbidden (`ping -M do`).
    pub df: bool,
    /// The interface or the address to send from.
    pub interface: Option<String>,
    /// Whether `to` is a broadcast address.
    pub broadcast: bool,
}

impl Probe {
    /// Returns an echo request as `ping` sends it.
    pub fn to(from: &str, to: &str) -> Self {
        Self { from: from.into(), to: to.into(), ..Self::default() }
    }
}

/// The findings of a sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The reason why the question makes no sense here.
    pub misuse: Option<Misuse>,
    /// Whether the target was reached when first asked.
    pub reached: bool,
    /// The symptom that the sender sees.
    pub symptom: String,
    /// The commands of the lab that were to build something and failed.
    pub refused: Vec<LabCommand>,
    /// The interfaces at which packets were seen.
    pub path: Vec<Waypoint>,
    /// The paths that packets took.
    pub trails: Vec<Trail>,
    /// The causes in the order in which they were found: the first in the
    /// network that the lab left, each other one after those before it were
    /// cured.
    pub causes: Vec<Suspect>,
    /// The suspect whose cure was tried here without success, which has spoilt
    /// this sandbox.
    pub cleared: Option<Suspect>,
    /// Other suspects, which were not tried.
    pub others: Vec<Suspect>,
    /// Whether the target was reached in the end.
    pub mended: bool,
    /// The feature that the machine lacks to try cures, and the remedy.
    pub lacking: Option<Lack>,
    /// The address of the target, if a proof has reached it.
    pub target: Option<IpAddr>,
    /// Other ways between namespaces, if they were measured.
    pub ways: Vec<Way>,
    /// All known facts of each round, if they are wanted.
    pub known: Vec<serde_json::Value>,
}

/// A feature that the machine lacks to try a cure, and what its owner can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// The missing feature.
    pub reason: String,
    /// The remedy.
    pub remedy: String,
}

/// A question that makes no sense, and what would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misuse {
    /// The error message.
    pub message: String,
    /// Help for the user.
    pub hint: Option<String>,
}

/// Something that stops a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// An identifier from the list of `nslab why --explain`.
    pub id: String,
    /// The place: `blue: eth0`, `router: chain FORWARD`.
    pub place: String,
    /// The fault, in a sentence.
    pub text: String,
    /// Commands that a person would type to fix it.
    pub fix: Vec<String>,
    /// Other commands that fix it too, as an exception to a rule in place of its removal. They
    /// are tried if the fix has effects that nobody asked for, and taken if they have fewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrower: Vec<Vec<String>>,
    /// Whether the fix is what the lab's author has typed: a refused command, one with a slip, or
    /// one whose effect was lost later. What it shuts was open by accident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub typed: bool,
    /// The proof: a command, and its output.
    pub evidence: Vec<String>,
}

impl Suspect {
    /// Returns a text that tells one suspect from another.
    pub fn key(&self) -> String {
        format!("{} {} {}", self.id, self.place, self.fix.join("; "))
    }

    /// Returns the same after others were cured: a cure that does not help
    /// alone may help as a second one.
    pub fn key_after(&self, others: &[Self]) -> String {
        let others: Vec<String> = others.iter().chain([self]).map(Self::key).collect();
        others.join(" > ")
    }
}

/// An interface on the path, and what was seen there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waypoint {
    /// The namespace.
    pub ns: String,
    /// The interface.
    pub dev: String,
    /// The kinds of packets that passed.
    pub seen: Vec<Passed>,
}

/// The path of one packet, interface by interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The kind of packet.
    pub what: Passed,
    /// The address whose hardware address is asked for, or the sender of an
    /// error.
    pub about: Option<String>,
    /// The interfaces at which it was seen, in order.
    pub steps: Vec<TrailStep>,
    /// The end of its path.
    pub end: TrailEnd,
}

/// A packet at an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStep {
    /// The namespace.
    pub ns: String,
    /// The interface.
    pub dev: String,
    /// Whether the packet was leaving.
    pub out: bool,
}

/// The end of a packet's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrailEnd {
    /// It reached its destination.
    Arrived,
    /// It waits for a hardware address.
    Waits,
    /// It was lost in this namespace.
    Within(String),
    /// It was lost on the way to the next interface, if that is known.
    Before(Option<TrailStep>),
    /// It goes in a loop.
    Round,
}

/// A kind of packet that passed an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passed {
    /// The echo request, or the segment that asks for a connection.
    Request,
    /// The question for a hardware address: ARP, or a neighbour solicitation.
    ArpRequest,
    /// The answer to it.
    ArpReply,
    /// The reply to the request.
    Reply,
    /// An ICMP error, or a segment that refuses the connection.
    Error,
}

/// A command of the lab, for a later diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabCommand {
    /// The place in the lab.
    pub place: Place,
    /// The command, as one would type it.
    pub command: String,
    /// The error message, if it failed.
    pub failed: Option<String>,
}

impl LabCommand {
    /// Returns the command of an event.
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

/// The answer to a question of why, from the findings of all sandboxes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The namespace that asks.
    pub from: String,
    /// The target.
    pub to: String,
    /// Whether the target is reached.
    pub reached: bool,
    /// The symptom that the sender sees.
    pub symptom: String,
    /// The commands of the lab that were to build something and failed.
    pub refused: Vec<LabCommand>,
    /// The interfaces at which packets were seen.
    pub path: Vec<Waypoint>,
    /// The paths that packets took.
    #[serde(skip)]
    pub trails: Vec<Trail>,
    /// The first of the causes.
    pub cause: Option<Cause>,
    /// The causes, most decisive first. If none is proved, the likely ones.
    pub causes: Vec<Cause>,
    /// The commands that fix it.
    pub fix: Vec<String>,
    /// Whether the target was reached in a replay of the lab with these
    /// commands.
    pub proved: bool,
    /// The effects of these commands on everything else, if they are proved.
    pub effects: Option<Effects>,
    /// The command of the lab after which the target was not reached any more.
    pub worked_until: Option<WorkedUntil>,
    /// The proof: a command, and its output.
    #[serde(skip)]
    pub evidence: Vec<String>,
    /// The reason why no cure could be tried.
    #[serde(skip)]
    pub lacking: Option<Lack>,
    /// The reason why the lab stopped half-way, if it did.
    #[serde(skip)]
    pub stopped: Option<Stop>,
    /// All known facts of each round of the first search, if they are wanted.
    #[serde(skip)]
    pub known: Vec<serde_json::Value>,
}

/// The commands of a lab after which a target was not reached any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkedUntil {
    /// The line of the first of them.
    pub line: u32,
    /// The commands: those of one line, or a function's.
    pub commands: Vec<String>,
    /// The changes they made in the network, one line each.
    pub changes: Vec<String>,
}

/// The answer to a lab that asked why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    /// The answer.
    pub explanation: Explanation,
    /// The same as text for a person.
    pub text: String,
    /// The reason why no cure could be tried.
    pub lacking: Option<Lack>,
}

/// A fault, and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// An identifier from the documented list.
    pub id: String,
    /// The place.
    pub place: String,
    /// The fault, in a sentence.
    pub text: String,
}

impl From<&Suspect> for Cause {
    fn from(suspect: &Suspect) -> Self {
        let Suspect { id, place, text, .. } = suspect.clone();
        Self { id, place, text }
    }
}
