//! The topology: which interfaces share a wire, who owns an address, and the ways from
//! one namespace to another.

use crate::net::survey::{Address, Link, LinkKind, LowerLink, Net, Space, Survey, Vxlan};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An interface: its namespace and index.
type Port<'a> = (&'a str, u32);

/// A network's wires and addresses.
pub(in crate::why) struct Ground<'a> {
    survey: &'a Survey,
    /// The interfaces that each one is connected to.
    joined: BTreeMap<Port<'a>, Vec<Port<'a>>>,
    /// The wire of each interface, by a number.
    wires: BTreeMap<Port<'a>, usize>,
    /// The interfaces that come first where two ways are as short.
    preferred: BTreeSet<Port<'a>>,
}

/// An interface that handles packets of the network layer: no port of a bridge.
#[derive(Clone, Copy)]
pub(in crate::why) struct End<'a> {
    pub space: &'a Space,
    pub link: &'a Link,
}

/// A step from one namespace to the next.
#[derive(Clone, Copy)]
pub(in crate::why) struct Crossing<'a> {
    /// The outgoing interface.
    pub out: End<'a>,
    /// The next namespace's interface on the same wire.
    pub into: End<'a>,
}

impl<'a> Ground<'a> {
    pub fn of(survey: &'a Survey) -> Self {
        let mut joined: BTreeMap<Port<'a>, Vec<Port<'a>>> = BTreeMap::new();
        let mut join = |a: Port<'a>, b: Port<'a>| {
            joined.entry(a).or_default().push(b);
            joined.entry(b).or_default().push(a);
        };
        for space in &survey.spaces {
            for link in &space.links {
                let here = (space.name.as_str(), link.index);
                join(here, here);
                if let Some(master) = link.master {
                    join(here, (&space.name, master));
                }
                // A veth's peer, and a macvlan's parent. A VXLAN's inner frames are not
                // on its parent's wire.
                let below = if link.kind.lower() == LowerLink::Underlay { &None } else { &link.parent };
                for (other, end) in [&link.peer, below].into_iter().flatten().filter_map(|it| survey.find(it))
                {
                    join(here, (&other.name, end.index));
                }
                if let Some(vxlan) = &link.vxlan {
                    // A VXLAN in mode `external` takes packets of any VNI.
                    let same = |end: &Vxlan| {
                        end.id == vxlan.id || (end.external || vxlan.external) && end.port == vxlan.port
                    };
                    for other in &survey.spaces {
                        for end in &other.links {
                            if end.vxlan.as_ref().is_some_and(same) {
                                join(here, (&other.name, end.index));
                            }
                        }
                    }
                }
            }
        }
        let mut wires = BTreeMap::new();
        for (number, start) in joined.keys().enumerate() {
            let mut next = vec![*start];
            while let Some(port) = next.pop() {
                if wires.contains_key(&port) {
                    continue;
                }
                wires.insert(port, number);
                next.extend(joined.get(&port).into_iter().flatten());
            }
        }
        Self { survey, joined, wires, preferred: BTreeSet::new() }
    }

    /// Has ways lead by these interfaces where others are as short.
    pub fn prefer<'b>(&mut self, used: impl IntoIterator<Item = (&'b str, &'b str)>) {
        for (space, dev) in used {
            let space = self.survey.space(space);
            let port = space.and_then(|space| Some((space.name.as_str(), space.link(dev)?.index)));
            self.preferred.extend(port);
        }
    }

    /// Returns the other ends of an interface's wire.
    pub fn neighbours(&self, space: &str, link: &Link) -> Vec<End<'a>> {
        let Some(wire) = self.wires.get(&(space, link.index)) else { return Vec::new() };
        self.ends()
            .filter(|end| self.wires.get(&end.port()) == Some(wire) && end.port() != (space, link.index))
            .collect()
    }

    /// Tells whether two interfaces share a wire.
    pub fn share(&self, a: (&str, u32), b: (&str, u32)) -> bool {
        let (a, b) = (self.wires.get(&a), self.wires.get(&b));
        a.is_some() && a == b
    }

    /// Returns all interfaces that handle packets of the network layer, except `lo`.
    pub fn ends(&self) -> impl Iterator<Item = End<'a>> {
        let all = self.survey.spaces.iter();
        all.flat_map(|space| {
            let ends = space.links.iter().filter(|link| link.master.is_none() && link.name != "lo");
            ends.map(move |link| End { space, link })
        })
    }

    /// Returns the namespaces that have an address.
    pub fn owners(&self, ip: IpAddr) -> Vec<(&'a Space, &'a Address)> {
        let all = self.survey.spaces.iter();
        all.flat_map(|space| {
            space.addrs.iter().filter(move |addr| addr.ip == ip).map(move |addr| (space, addr))
        })
        .collect()
    }

    /// Returns an address with its network replaced by that of another one; none if somebody
    /// has it, or if it is no host's.
    pub fn moved_into(&self, ip: IpAddr, theirs: &Address) -> Option<IpAddr> {
        let moved = transplant(theirs.ip, theirs.prefix_len, ip);
        (self.owners(moved).is_empty() && !is_edge(moved, theirs.prefix_len)).then_some(moved)
    }

    /// Returns the interfaces on the shortest way from one namespace to another,
    /// including bridges and their ports. Without a destination, returns those on the
    /// ways to all neighbours.
    pub fn links_between(&self, from: &str, to: Option<&str>) -> Vec<(&'a Space, &'a Link)> {
        let steps = match to {
            Some(to) => self.way(from, to).unwrap_or_default(),
            None => self.steps_from(from),
        };
        let mut way: Vec<Port<'a>> = Vec::new();
        for port in steps.iter().flat_map(|step| self.ports_between(step)) {
            if !way.contains(&port) {
                way.push(port);
            }
        }
        way.into_iter().filter_map(|port| self.link(port)).collect()
    }

    /// Returns the steps to all neighbours of a namespace.
    fn steps_from(&self, from: &str) -> Vec<Crossing<'a>> {
        let outs = self.ends().filter(|end| end.space.name == from);
        outs.flat_map(|out| {
            let near = self.neighbours(from, out.link).into_iter();
            near.filter(|end| end.space.name != from).map(move |into| Crossing { out, into })
        })
        .collect()
    }

    /// Returns the interfaces that a frame passes in a step, in their order.
    fn ports_between(&self, step: &Crossing<'a>) -> Vec<Port<'a>> {
        let (start, goal) = (step.out.port(), step.into.port());
        let mut came: BTreeMap<Port<'a>, Option<Port<'a>>> = BTreeMap::from([(start, None)]);
        let mut next = VecDeque::from([start]);
        while let Some(port) = next.pop_front().filter(|port| *port != goal) {
            for other in self.joined.get(&port).into_iter().flatten() {
                if let Entry::Vacant(entry) = came.entry(*other) {
                    entry.insert(Some(port));
                    next.push_back(*other);
                }
            }
        }
        let mut way: Vec<Port<'a>> =
            std::iter::successors(Some(goal), |port| came.get(port).copied().flatten()).collect();
        way.reverse();
        way
    }

    /// Returns the port through which a bridge reaches an interface; none if it does not,
    /// or if the interface is the bridge's own.
    pub fn port_to(&self, space: &Space, bridge: &Link, end: End<'a>) -> Option<&'a Link> {
        let home = (space.name.as_str(), bridge.index);
        if end.port() == home {
            return None;
        }
        let mut seen = BTreeSet::from([end.port()]);
        let mut next = vec![end.port()];
        while let Some(port) = next.pop() {
            if let Some((at, link)) = self.link(port)
                && at.name == space.name
                && link.master == Some(bridge.index)
            {
                return Some(link);
            }
            let plugged = self.joined.get(&port).into_iter().flatten();
            next.extend(plugged.filter(|other| **other != home && seen.insert(**other)));
        }
        None
    }

    fn link(&self, port: Port) -> Option<(&'a Space, &'a Link)> {
        let space = self.survey.space(port.0)?;
        Some((space, space.link_at(port.1)?))
    }

    /// Tells whether other namespaces on an interface's wire have addresses in a network.
    pub fn has_fellows(&self, end: End, net: Net) -> bool {
        let near = self.neighbours(&end.space.name, end.link);
        let others = near.iter().filter(|other| other.space.name != end.space.name);
        others.flat_map(|other| other.addrs(net.ip.is_ipv6())).any(|addr| net.contains(addr.ip))
    }

    /// Returns a namespace's interface that has no address of a network, although others
    /// on its wire have.
    pub fn right_link(&self, space: &Space, net: Net) -> Option<End<'a>> {
        let mut ends = self.ends().filter(|end| end.space.name == space.name);
        ends.find(|end| {
            let outside = |addr: &Address| !net.contains(addr.ip);
            end.addrs(net.ip.is_ipv6()).all(outside) && self.has_fellows(*end, net)
        })
    }

    /// Returns the shortest way from one namespace to another, over wires, regardless of
    /// addresses and routes.
    pub fn way(&self, from: &str, to: &str) -> Option<Vec<Crossing<'a>>> {
        self.way_by(from, to, |end| !end.is_bare_bridge()).or_else(|| self.way_by(from, to, |_| true))
    }

    fn way_by(&self, from: &str, to: &str, passes: impl Fn(&End) -> bool) -> Option<Vec<Crossing<'a>>> {
        let mut came: BTreeMap<&str, Crossing<'a>> = BTreeMap::new();
        let mut seen = BTreeSet::from([from]);
        let mut next = VecDeque::from([from]);
        while let Some(here) = next.pop_front() {
            if here == to {
                let mut way = Vec::new();
                let mut at = to;
                while at != from {
                    let step = came[at];
                    at = &step.out.space.name;
                    way.push(step);
                }
                way.reverse();
                return Some(way);
            }
            let mut outs: Vec<End<'a>> =
                self.ends().filter(|end| end.space.name == here && passes(end)).collect();
            outs.sort_by_key(|end| !self.preferred.contains(&end.port()));
            for out in outs {
                for into in self.neighbours(here, out.link).into_iter().filter(&passes) {
                    if seen.insert(&into.space.name) {
                        came.insert(&into.space.name, Crossing { out, into });
                        next.push_back(&into.space.name);
                    }
                }
            }
        }
        None
    }
}

impl<'a> End<'a> {
    /// Returns the namespace and the index.
    pub fn port(&self) -> Port<'a> {
        (&self.space.name, self.link.index)
    }

    /// Tells whether the interface is a bridge without an address: it passes frames
    /// between its ports, and its namespace is not part of that network.
    pub fn is_bare_bridge(&self) -> bool {
        self.link.kind == LinkKind::Bridge && self.addrs(false).chain(self.addrs(true)).next().is_none()
    }

    /// Returns the addresses of one IP version, except those of scope link.
    pub fn addrs(&self, v6: bool) -> impl Iterator<Item = &'a Address> {
        let index = self.link.index;
        self.space
            .addrs
            .iter()
            .filter(move |addr| addr.index == index && addr.ip.is_ipv6() == v6 && addr.scope != "link")
    }
}

/// Returns the network of an address with a prefix, like `10.0.0.0/24`.
pub(in crate::why) fn network(ip: IpAddr, len: u8) -> Net {
    Net { ip: join(ip, ip, len, false), len }
}

/// Returns the address that has its first `len` bits from one address and the rest from
/// another.
pub(in crate::why) fn transplant(net: IpAddr, len: u8, host: IpAddr) -> IpAddr {
    join(net, host, len, true)
}

/// Tells whether an address is a network's own or its broadcast address.
fn is_edge(ip: IpAddr, len: u8) -> bool {
    match ip {
        IpAddr::V4(ip) if len < 31 => {
            let mask = u32::MAX.checked_shr(len.into()).unwrap_or(0);
            matches!(ip.to_bits() & mask, rest if rest == 0 || rest == mask)
        }
        _ => false,
    }
}

fn join(net: IpAddr, host: IpAddr, len: u8, keep: bool) -> IpAddr {
    match (net, host) {
        (IpAddr::V4(net), IpAddr::V4(host)) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(len.into())).unwrap_or(0);
            let rest = if keep { host.to_bits() & !mask } else { 0 };
            Ipv4Addr::from_bits(net.to_bits() & mask | rest).into()
        }
        (IpAddr::V6(net), IpAddr::V6(host)) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(len.into())).unwrap_or(0);
            let rest = if keep { host.to_bits() & !mask } else { 0 };
            Ipv6Addr::from_bits(net.to_bits() & mask | rest).into()
        }
        _ => net,
    }
}
