//! The whole state of a network, as the kernel has it; diagnoses are made from
//! it.
//!
//! It is plain data, in the words of `ip -d`, `bridge -d`, `tc` and `sysctl`, so
//! that a diagnosis can be tested on a state made by hand.

mod address;
pub(in crate::net) mod counters;
mod fdb;
pub(super) mod fuzzing;
mod kinds;
mod link;
mod link_kind;
mod listener;
mod lookup;
mod neigh;
mod raw;
mod route;
mod rule;
pub(super) mod sockets;
mod sysctls;
mod tc;
mod tc_filter;
mod xfrm;

pub use address::Address;
pub(super) use address::read as read_address;
pub use fdb::FdbEntry;
pub use kinds::{Bridge, BridgePort, Macvlan, Tun, Vxlan};
pub use link::{Link, LinkCounters, Peer};
pub use link_kind::{LinkKind, LowerLink};
pub use listener::Listener;
pub use lookup::{NoRoute, RouteQuestion};
pub use neigh::Neighbour;
pub(super) use neigh::read as read_neighbour;
pub(super) use route::read as read_route;
pub use route::{Hop, Net, Route};
pub use rule::PolicyRule;
pub use sysctls::{conf_key, key_part};
pub use tc::Qdisc;
pub(super) use tc::is_prompt;
pub use tc_filter::Filter;
pub use xfrm::{XfrmPolicy, XfrmSelector, XfrmState, XfrmTemplate};

use crate::net::kernel::Kernel;
use crate::net::kernel::link_names::LinkNames;
use crate::net::{NetError, Netns, Network};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The state of all namespaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The host first, then the others by name.
    pub spaces: Vec<Space>,
}

/// The state of one namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// Its name; `host` for the host's own.
    pub name: String,
    /// `ip -d link`, by index.
    pub links: Vec<Link>,
    /// `ip addr`, in the kernel's order: the first of a link is its primary.
    pub addrs: Vec<Address>,
    /// `ip route show table all`, and the same with `-6`; includes cached routes.
    pub routes: Vec<Route>,
    /// `ip rule` and `ip -6 rule`, in the order of evaluation.
    pub rules: Vec<PolicyRule>,
    /// `ip neigh show nud all` and `ip neigh show proxy`.
    pub neighs: Vec<Neighbour>,
    /// `bridge fdb`.
    pub fdb: Vec<FdbEntry>,
    /// `tc -s qdisc`.
    pub qdiscs: Vec<Qdisc>,
    /// `tc filter`, of every device and hook.
    pub filters: Vec<Filter>,
    /// The sysctls that can stop a packet, by their names in sysctl(8).
    pub sysctls: BTreeMap<String, String>,
    /// The kernel's counters: `IpInAddrErrors`, `XfrmOutPolBlock`, ….
    pub counters: BTreeMap<String, u64>,
    /// `ip xfrm policy`.
    pub policies: Vec<XfrmPolicy>,
    /// `ip xfrm state`.
    pub states: Vec<XfrmState>,
    /// The output of `ip xfrm policy getdefault` for `in`, `fwd` and `out`: whether
    /// each blocks.
    pub xfrm_blocks: [bool; 3],
    /// `ss -tuln`.
    pub listeners: Vec<Listener>,
}

impl Survey {
    /// The namespace of this name.
    pub fn space(&self, name: &str) -> Option<&Space> {
        self.spaces.iter().find(|space| space.name == name)
    }

    /// A link's peer or parent, with its namespace.
    pub fn find(&self, peer: &Peer) -> Option<(&Space, &Link)> {
        let space = self.space(peer.space.as_deref()?)?;
        Some((space, space.link_at(peer.index)?))
    }
}

impl Space {
    /// A sysctl by its name in sysctl(8).
    pub fn sysctl(&self, key: &str) -> Option<&str> {
        self.sysctls.get(key).map(String::as_str)
    }

    /// A sysctl as a number.
    pub fn switch(&self, key: &str) -> Option<i64> {
        self.sysctl(key)?.parse().ok()
    }

    /// The link of this name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The link of this index.
    pub fn link_at(&self, index: u32) -> Option<&Link> {
        self.links.iter().find(|link| link.index == index)
    }

    /// Tells whether an address is tentative although duplicate address
    /// detection is off.
    fn is_about_to_be_usable(&self, addr: &Address) -> bool {
        let asks = |dev: &str| self.switch(&conf_key("ipv6", dev, "accept_dad")) != Some(0);
        addr.tentative
            && !addr.dadfailed
            && self.link_at(addr.index).is_some_and(|link| link.lower_up)
            && !asks("all")
            && !asks(&addr.dev)
    }

    fn names(&self) -> LinkNames {
        self.links.iter().map(|link| (link.index, link.name.clone())).collect()
    }
}

impl Network {
    /// The state of every namespace.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn survey(&self) -> Result<Survey, NetError> {
        self.look()?;
        let all = self.all_namespaces()?;
        let spaces = all.iter().map(|netns| self.survey_of(netns)).collect::<Result<_, _>>()?;
        Ok(Survey { spaces })
    }

    /// Reads the current state of one namespace.
    ///
    /// # Errors
    ///
    /// If it was deleted, or the kernel does not answer.
    pub fn survey_of(&self, netns: &Netns) -> Result<Space, NetError> {
        // A part of a survey, or a further question after one.
        let kernel = self.bare();
        let mut space = Space { name: netns.name().into(), ..Space::default() };
        // Links come first: other names and sysctls depend on them.
        kernel.survey_links(netns, &mut space)?;
        let names = space.names();
        space.addrs = kernel.survey_addrs(netns, &names)?;
        space.routes = kernel.survey_routes(netns, &names)?;
        space.rules = kernel.survey_rules(netns)?;
        space.neighs = kernel.survey_neighs(netns, &names)?;
        space.fdb = kernel.survey_fdb(netns, &names)?;
        kernel.enter(netns)?;
        tc::read(&mut space, &names);
        xfrm::read(&mut space);
        listener::read(&mut space, &names);
        space.counters = counters::read();
        self.survey_sysctls(netns, &mut space, &names);
        // Without duplicate address detection, an address is tentative until a
        // kernel worker processes it.
        let deadline = Instant::now() + Duration::from_millis(50);
        while space.addrs.iter().any(|addr| space.is_about_to_be_usable(addr)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
            space.addrs = kernel.survey_addrs(netns, &names)?;
        }
        Ok(space)
    }
}

impl Kernel<'_> {
    /// Reads only the links, addresses, routes, queues, filters and IPsec
    /// policies of a namespace.
    pub(super) fn survey_ways_of(&self, netns: &Netns) -> Result<Space, NetError> {
        let mut space = Space { name: netns.name().into(), ..Space::default() };
        self.survey_links(netns, &mut space)?;
        let names = space.names();
        space.addrs = self.survey_addrs(netns, &names)?;
        space.routes = self.survey_routes(netns, &names)?;
        self.enter(netns)?;
        tc::read(&mut space, &names);
        xfrm::read(&mut space);
        Ok(space)
    }
}
