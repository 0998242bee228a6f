//! The facts that finders have: the state of all namespaces, the result of the probe, the
//! commands of the lab, and answers of the kernel to further questions.
//!
//! ```text
//! kernel   questions to the kernel beside the survey
//! known    all facts of one round, recorded to a file and read back
//! typed    the lab's commands, read as `ip` reads them
//! ground   which interfaces share a wire
//! fib      the route that the tables give for a packet
//! way      ways over wires, whatever the tables say
//! macs     hardware addresses, as commands take them
//! ```

pub(super) mod fib;
pub(super) mod ground;
pub(super) mod kernel;
pub(super) mod known;
mod macs;
pub(super) mod typed;
pub(super) mod way;

use self::ground::{End, Ground};
use self::kernel::Kernel;
use self::typed::Typed;
use super::look::gate::Gate;
use super::look::shot::Shot;
use super::look::stuck::Stuck;
use crate::event::{LabCommand, Probe};
use crate::net::NetnsName;
use crate::net::survey::{Link, Space, Survey};
use std::net::IpAddr;

/// The facts that suspects are found with.
pub(in crate::why) struct Evidence<'a> {
    /// The kernel, which can be asked.
    pub kernel: &'a dyn Kernel,
    /// The state of all namespaces before the probe was sent.
    pub survey: &'a Survey,
    /// The commands of the lab.
    pub lab_commands: &'a [LabCommand],
    /// The same commands, parsed once for all finders.
    pub typed: Vec<Typed<'a>>,
    /// The probe that was sent.
    pub probe: &'a Probe,
    /// The result of the probe.
    pub shot: &'a Shot,
    /// The place where the packet was seen last.
    pub stuck: Stuck,
    /// The gate that stopped it there.
    pub gate: Gate,
    /// The namespaces with a rule of NAT for the target, if nobody has that address.
    pub translators: Vec<&'a Space>,
    /// The topology of the network.
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
        let (typed, mut ground) = (typed::read(lab_commands), Ground::of(survey));
        let sent = shot.sightings.iter().filter(|seen| seen.out);
        ground.prefer(sent.map(|seen| (seen.netns.as_str(), seen.dev.as_str())));
        let unowned = shot.target.filter(|dst| ground.owners(*dst).is_empty());
        let translators = unowned.map(|dst| translators(survey, shot, dst)).unwrap_or_default();
        Self { kernel, survey, lab_commands, typed, probe, shot, stuck, gate, translators, ground }
    }

    /// Returns the sender's namespace.
    pub fn from(&self) -> &'a Space {
        self.survey.space(&self.probe.from).unwrap_or(&self.survey.spaces[0])
    }

    /// Returns the address that the probe has to come to: the target's, or the one that DNAT
    /// has put in its place.
    pub fn destination(&self) -> Option<IpAddr> {
        self.stuck.translated.as_ref().map(|new| new.dst).or(self.shot.target)
    }

    /// Returns the namespaces that have the destination's address, except the sender; if nobody
    /// has it, those that would translate it.
    pub fn targets(&self) -> Vec<&'a Space> {
        let Some(dst) = self.destination() else { return Vec::new() };
        let owners = self.ground.owners(dst).into_iter().map(|(space, _)| space);
        let mut all: Vec<&Space> = owners.collect();
        if self.is_service(dst) {
            all.clone_from(&self.translators);
        }
        all.retain(|space| space.name != self.probe.from);
        all
    }

    /// Tells whether an address is a service's, which nobody has to have: rules of NAT are for it.
    pub fn is_service(&self, dst: IpAddr) -> bool {
        self.shot.target == Some(dst) && !self.translators.is_empty()
    }

    /// Returns the namespace's name, in the form that commands are typed with.
    pub fn netns(&self, name: &str) -> Option<NetnsName> {
        let at = self.survey.spaces.iter().position(|space| space.name == name)?;
        Some(NetnsName::new(name, at == 0))
    }

    /// Returns `ip` with the options that make it act in a namespace.
    pub fn ip(&self, space: &str) -> String {
        self.netns(space).map_or_else(|| "ip".into(), |netns| netns.ip())
    }

    /// Returns a tool that knows `-n`, such as `bridge` or `tc`, with these options.
    pub fn tool(&self, tool: &str, space: &str) -> String {
        self.netns(space).map_or_else(|| tool.into(), |netns| netns.tool(tool))
    }

    /// Returns a command that runs in a namespace.
    pub fn exec(&self, space: &str, command: &str) -> String {
        self.netns(space).map_or_else(|| command.into(), |netns| netns.exec(command))
    }

    /// Returns a command that sets a sysctl in a namespace.
    pub fn sysctl(&self, space: &str, key: &str, value: &str) -> String {
        self.exec(space, &format!("sysctl -qw {key}={value}"))
    }

    /// Tells whether a namespace asks a wire for the hardware address of an address, in vain.
    pub fn asks_for(&self, space: &str, ip: IpAddr) -> bool {
        matches!(&self.gate, Gate::Resolve { asker, wanted, .. } if asker == space && *wanted == ip)
    }

    /// Tells whether an address is asked for in vain on the wire of an interface.
    pub fn is_asked_for(&self, end: End, ip: IpAddr) -> bool {
        let Gate::Resolve { asker, dev, wanted } = &self.gate else { return false };
        let link = self.survey.space(asker).and_then(|space| space.link(dev));
        *wanted == ip && link.is_some_and(|link| self.ground.share((asker, link.index), end.port()))
    }

    /// Returns the links between the sender and the target, in the order of the way. If
    /// no namespace has the target's address, returns those to the sender's neighbours.
    pub fn links_on_the_way(&self) -> Vec<(&'a Space, &'a Link)> {
        let target = self.targets().first().map(|space| space.name.as_str());
        self.ground.links_between(&self.probe.from, target)
    }

    /// Returns the namespaces from the sender to the target, and those where the packet
    /// was seen, each once.
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

/// Returns the namespaces with a rule of NAT for packets to an address.
fn translators<'a>(survey: &'a Survey, shot: &Shot, dst: IpAddr) -> Vec<&'a Space> {
    let walls = shot.walls.iter().filter(|wall| wall.translates(dst));
    walls.filter_map(|wall| survey.space(&wall.netns)).collect()
}
