//! Who can have stopped the packet: suspects, most decisive first.
//!
//! A finder looks at one subject and gives whom it suspects, with a weight:
//! what the kernel itself has said stands above what a state forbids, and that
//! above what only looks odd.

mod address;
mod bridge;
mod command;
mod connected;
mod firewall;
mod follow;
mod forward;
mod gateway;
mod id;
mod ipv6;
mod link;
mod lost;
mod macvlan;
mod mangle;
mod martian;
mod masquerade;
mod meant;
mod misplaced;
mod mistyped;
mod mtu;
mod names;
mod nat;
mod nat_miss;
mod neigh;
mod nobody;
mod owner;
mod plug;
mod queue;
mod refused;
mod repair;
mod route;
mod rule_slip;
mod rules;
mod ruling;
mod service;
mod slip;
mod swapped;
mod switch;
mod ttl;
mod tunnel;
mod vxlan;
mod way;
mod xfrm;

pub use self::id::Cause;

use super::gate::Gate;
use super::ground::Ground;
use super::kernel::Kernel;
use super::shot::Shot;
use super::stuck::Stuck;
use super::typed::{self, Typed};
use crate::event::{LabCommand, Probe, Suspect};
use crate::net::NetnsName;
use crate::net::survey::{Link, Space, Survey};

/// What is known when suspects are looked for.
pub(super) struct Evidence<'a> {
    /// The kernel, which can be asked.
    pub kernel: &'a dyn Kernel,
    /// The state of all namespaces before the probe was sent.
    pub survey: &'a Survey,
    /// What the lab did.
    pub lab_commands: &'a [LabCommand],
    /// The commands among it, read once for all who look into them.
    pub typed: Vec<Typed<'a>>,
    /// What was sent.
    pub probe: &'a Probe,
    /// What became of it.
    pub shot: &'a Shot,
    /// Where it was seen last.
    pub stuck: Stuck,
    /// What did not let it through there.
    pub gate: Gate,
    /// Who shares a wire with whom.
    pub ground: Ground<'a>,
}

impl<'a> Evidence<'a> {
    pub fn new(
        kernel: &'a dyn Kernel,
        survey: &'a Survey,
        lab_commands: &'a [LabCommand],
        probe: &'a Probe,
        shot: &'a Shot,
    ) -> Self {
        let stuck = Stuck::of(&probe.from, shot);
        let gate = Gate::of(survey, &stuck);
        let (typed, ground) = (typed::read(lab_commands), Ground::of(survey));
        Self { kernel, survey, lab_commands, typed, probe, shot, stuck, gate, ground }
    }

    /// The namespace that asks.
    pub fn from(&self) -> &'a Space {
        self.survey.space(&self.probe.from).unwrap_or(&self.survey.spaces[0])
    }

    /// The namespaces that have the address that is asked for, but the one
    /// that asks.
    pub fn targets(&self) -> Vec<&'a Space> {
        let owners = self.shot.target.map(|dst| self.ground.owners(dst)).unwrap_or_default();
        owners.into_iter().map(|(space, _)| space).filter(|space| space.name != self.probe.from).collect()
    }

    /// How commands for a namespace are typed.
    pub fn netns(&self, name: &str) -> Option<NetnsName> {
        let at = self.survey.spaces.iter().position(|space| space.name == name)?;
        Some(NetnsName::new(name, at == 0))
    }

    /// `ip` with the words that make it act in a namespace.
    pub fn ip(&self, space: &str) -> String {
        self.netns(space).map_or_else(|| "ip".into(), |netns| netns.ip())
    }

    /// A tool that knows `-n`, such as `bridge` or `tc`.
    pub fn tool(&self, tool: &str, space: &str) -> String {
        self.netns(space).map_or_else(|| tool.into(), |netns| netns.tool(tool))
    }

    /// A command that runs in a namespace.
    pub fn exec(&self, space: &str, command: &str) -> String {
        self.netns(space).map_or_else(|| command.into(), |netns| netns.exec(command))
    }

    /// A command that sets a switch in a namespace.
    pub fn sysctl(&self, space: &str, key: &str, value: &str) -> String {
        self.exec(space, &format!("sysctl -qw {key}={value}"))
    }

    /// The links between the one who asks and the one who is asked, in their
    /// order; those around the one who asks where nobody has the address.
    pub fn links_on_the_way(&self) -> Vec<(&'a Space, &'a Link)> {
        let target = self.targets().first().map(|space| space.name.as_str());
        self.ground.links_between(&self.probe.from, target)
    }

    /// The namespaces between the two, both included, and those where the
    /// packet was seen, each once.
    pub fn spaces_on_the_way(&self) -> Vec<&'a Space> {
        let mut spaces = vec![self.from()];
        let seen = self.shot.sightings.iter().filter_map(|seen| self.survey.space(&seen.netns));
        let way = self.links_on_the_way().into_iter().map(|(space, _)| space);
        for space in seen.chain(way).chain(self.targets()) {
            if !spaces.iter().any(|known| known.name == space.name) {
                spaces.push(space);
            }
        }
        spaces
    }
}

/// A suspect without evidence yet.
fn suspect(id: Cause, place: String, text: String, fix: Vec<String>) -> Suspect {
    Suspect { id: id.id().into(), place, text, fix, evidence: Vec::new() }
}

/// A suspect, and what speaks against it.
#[derive(Debug, Clone)]
pub(super) struct Suspicion {
    /// How much: see [`weight`].
    pub weight: u32,
    /// Whether the kernel itself has named it, so that it is at fault even
    /// where mending it alone does not help.
    pub sure: bool,
    /// Who.
    pub suspect: Suspect,
}

/// How much speaks against a suspect.
pub(super) mod weight {
    /// The kernel has named it: a trace, an error's number, a route's type.
    pub const NAMED: u32 = 900;
    /// A state at the place where the packet was seen last that stops it.
    pub const HERE: u32 = 700;
    /// A state elsewhere on its way that stops it.
    pub const ON_THE_WAY: u32 = 500;
    /// A command that failed, or a thing that got lost, which would help.
    pub const COMMAND: u32 = 400;
    /// Something odd that may have to do with it.
    pub const ODD: u32 = 200;
}

/// What has somebody else answer than the one who is meant.
pub(super) const SPOIL_ANSWERS: [Cause; 3] =
    [Cause::AddressInWrongNamespace, Cause::DuplicateAddress, Cause::SubnetOnLoopback];

/// Looks into one subject.
type Finder = fn(&Evidence) -> Vec<Suspicion>;

const FINDERS: &[Finder] = &[
    lost::find,
    bridge::find,
    plug::find,
    neigh::find,
    macvlan::find,
    vxlan::find,
    queue::find,
    command::find,
    owner::find,
    misplaced::find,
    martian::find,
    ipv6::find,
    firewall::find,
    mangle::find,
    names::find,
    nat::find,
    link::find,
    address::find,
    connected::find,
    mtu::find,
    forward::find,
    route::find,
    service::find,
    swapped::find,
    switch::find,
    ttl::find,
    xfrm::find,
    nobody::find,
];

/// All suspects, most decisive first; each once.
pub(super) fn suspects(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found: Vec<Suspicion> = FINDERS.iter().flat_map(|find| find(evidence)).collect();
    let typed = &evidence.typed;
    for found in &mut found {
        follow::complete(evidence, typed, found);
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.weight));
    let mut keys = Vec::new();
    found.retain(|found| {
        let key = found.suspect.key();
        let fresh = !keys.contains(&key);
        keys.push(key);
        fresh
    });
    found
}

/// Tells whether something on the way may hold a packet back for a while.
pub(super) fn may_be_slow(survey: &Survey) -> bool {
    queue::may_be_slow(survey)
}
