//! Questions that finders ask the kernel in addition to the survey.
//!
//! The survey has the state of all namespaces. Some facts are not in it: the route of a
//! packet that was not sent, the answer of a name server, counters after the probe.

use crate::event::Probe;
use crate::net::survey::{NoRoute, Route, RouteQuestion, Space, Survey};
use crate::net::{Flow, Limits, NameFiles, Netns, Network, Taps};
use crate::why::look::discovery::{Discovery, discover};
use crate::why::look::shot::{Shot, shoot};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A connection that conntrack knows: its first packet as it came, and its translation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::why) struct Tracked {
    /// The protocol above IP, by number.
    pub proto: u8,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub sport: Option<u16>,
    pub dport: Option<u16>,
    /// Whether the source is translated.
    pub source_nat: bool,
    /// Whether the destination is translated.
    pub destination_nat: bool,
}

/// The questions. Namespaces are given by name.
pub(in crate::why) trait Kernel {
    /// Returns the route of a packet, like `ip route get`.
    fn route_get(&self, netns: &str, question: &RouteQuestion) -> Result<Route, NoRoute>;

    /// Returns the addresses that a name server gives for a name, asked from a namespace,
    /// or the reason why there was no answer.
    fn ask_server(&self, netns: &str, server: IpAddr, name: &str) -> Result<Vec<IpAddr>, String>;

    /// Returns the files that a namespace resolves names with.
    fn name_files(&self, netns: &str) -> Option<NameFiles>;

    /// Returns the commands of the lab's processes in a namespace, as `ps` shows them.
    fn processes(&self, netns: &str) -> Vec<String>;

    /// Returns the present state of a namespace.
    fn survey_of(&self, netns: &str) -> Option<Space>;

    /// Tells whether a namespace has a sysctl.
    fn has_sysctl(&self, netns: &str, key: &str) -> bool;

    /// Returns the domain names below a name that files of the lab mention, one a line.
    fn names_in_files(&self, name: &str) -> String;

    /// Sends another probe.
    fn shoot(&self, probe: &Probe, survey: &Survey) -> Option<Shot>;

    /// Asks for a DHCP server by an interface of a namespace.
    fn discover(&self, netns: &str, dev: &str, survey: &Survey) -> Option<Discovery>;

    /// Returns the connections that a namespace's conntrack knows.
    fn tracked(&self, netns: &str) -> Vec<Tracked>;
}

/// The kernel of a sandbox.
pub(in crate::why) struct Live<'a> {
    network: &'a Network,
    /// Handles on the namespaces. Each lookup of them is a request to the sandbox.
    namespaces: Vec<Netns>,
}

impl<'a> Live<'a> {
    pub fn new(network: &'a Network) -> Self {
        let namespaces = network.all_namespaces().unwrap_or_else(|_| vec![network.host()]);
        Self { network, namespaces }
    }

    fn netns(&self, name: &str) -> Option<&Netns> {
        self.namespaces.iter().find(|netns| netns.name() == name)
    }
}

impl Kernel for Live<'_> {
    fn route_get(&self, netns: &str, question: &RouteQuestion) -> Result<Route, NoRoute> {
        let gone = || NoRoute { errno: 0, text: format!("there is no namespace `{netns}`") };
        self.network.route_get(self.netns(netns).ok_or_else(gone)?, question)
    }

    fn ask_server(&self, netns: &str, server: IpAddr, name: &str) -> Result<Vec<IpAddr>, String> {
        let gone = || format!("there is no namespace `{netns}`");
        self.network.ask_server(self.netns(netns).ok_or_else(gone)?, server, name)
    }

    fn name_files(&self, netns: &str) -> Option<NameFiles> {
        self.network.name_files(self.netns(netns)?).ok()
    }

    fn processes(&self, netns: &str) -> Vec<String> {
        let rows = self.netns(netns).and_then(|netns| self.network.processes(netns).ok());
        rows.unwrap_or_default().into_iter().map(|row| row.command).collect()
    }

    fn survey_of(&self, netns: &str) -> Option<Space> {
        self.network.survey_of(self.netns(netns)?).ok()
    }

    fn has_sysctl(&self, netns: &str, key: &str) -> bool {
        self.netns(netns).is_some_and(|netns| self.network.sysctl(netns, key).is_ok())
    }

    fn names_in_files(&self, name: &str) -> String {
        // Labs put zone files and the like in these places.
        let quoted = name.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '-'), ".");
        let script = format!(
            "find . /etc/netns /etc/hosts /etc/dnsmasq.conf /etc/dnsmasq.d -maxdepth 2 -type f -size -64k 2>/dev/null | head -n 200 | xargs -r grep -hoiE '\\b{quoted}\\.[a-z0-9.-]+' 2>/dev/null | sort -u | head -n 50"
        );
        let limits = Limits { timeout_ms: 2000, ..Limits::default() };
        let answer = self.network.bash(&self.network.host(), &script, limits);
        answer.map(|answer| answer.stdout).unwrap_or_default()
    }

    fn shoot(&self, probe: &Probe, survey: &Survey) -> Option<Shot> {
        shoot(self.network, &mut Taps::default(), self.netns(&probe.from)?, probe, survey).ok()
    }

    fn discover(&self, netns: &str, dev: &str, survey: &Survey) -> Option<Discovery> {
        discover(self.network, self.netns(netns)?, dev, survey).ok()?
    }

    fn tracked(&self, netns: &str) -> Vec<Tracked> {
        let flows = self.netns(netns).and_then(|netns| self.network.flows(netns).ok());
        let tracked = |flow: &Flow| Tracked {
            proto: flow.proto,
            src: flow.original.src,
            dst: flow.original.dst,
            sport: flow.original.sport,
            dport: flow.original.dport,
            source_nat: flow.is_source_nat(),
            destination_nat: flow.is_destination_nat(),
        };
        flows.unwrap_or_default().iter().map(tracked).collect()
    }
}
