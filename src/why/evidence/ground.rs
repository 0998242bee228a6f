//! The lie of the land: which interfaces share a wire, whose an address is,
//! and by which namespaces one would get from one to another.

use crate::net::survey::{Address, Link, LinkKind, LowerLink, Net, Space, Survey, Vxlan};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An interface: its namespace and index.
type Port<'a> = (&'a str, u32);

/// A network's wires and addresses.
pub(in crate::why) struct Ground<'a> {
    survey: &'a Survey,
    /// What each interface is plugged into.
    joined: BTreeMap<Port<'a>, Vec<Port<'a>>>,
    /// The wire of each interface, by a number.
    wires: BTreeMap<Port<'a>, usize>,
}

/// An interface that has the network layer's packets: no port of a bridge.
#[derive(Clone, Copy)]
pub(in crate::why) struct End<'a> {
    pub space: &'a Space,
    pub link: &'a Link,
}

/// A step from one namespace to the next.
#[derive(Clone, Copy)]
pub(in crate::why) struct Crossing<'a> {
    /// The interface by which one leaves.
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
                // A veth's other end; what a macvlan stands on.
                let below = if link.kind.lower() == LowerLink::Underlay { &None } else { &link.parent };
                for (other, end) in [&link.peer, below].into_iter().flatten().filter_map(|it| survey.find(it))
                {
                    join(here, (&other.name, end.index));
                }
                if let Some(vxlan) = &link.vxlan {
                    // One that is `external` takes those of any number.
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
        Self { survey, joined, wires }
    }

    /// The other ends of an interface's wire.
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

    /// All interfaces that have the network layer's packets, but `lo`.
    pub fn ends(&self) -> impl Iterator<Item = End<'a>> {
        let all = self.survey.spaces.iter();
        all.flat_map(|space| {
            let ends = space.links.iter().filter(|link| link.master.is_none() && link.name != "lo");
            ends.map(move |link| End { space, link })
        })
    }

    /// Where an address is configured.
    pub fn owners(&self, ip: IpAddr) -> Vec<(&'a Space, &'a Address)> {
        let all = self.survey.spaces.iter();
        all.flat_map(|space| {
            space.addrs.iter().filter(move |addr| addr.ip == ip).map(move |addr| (space, addr))
        })
        .collect()
    }

    /// The interfaces, bridges and their ports among them, on the shortest way
    /// from one namespace to another; to all that share a wire with it, where
    /// no other is named.
    pub fn links_between(&self, from: &str, to: Option<&str>) -> Vec<(&'a Space, &'a Link)> {
        let links = self.links_by(from, to, |end| !end.is_bare_bridge());
        if links.is_empty() { self.links_by(from, to, |_| true) } else { links }
    }

    fn links_by(
        &self,
        from: &str,
        to: Option<&str>,
        passes: impl Fn(&End) -> bool,
    ) -> Vec<(&'a Space, &'a Link)> {
        let starts: Vec<Port<'a>> =
            self.ends().filter(|end| end.space.name == from).map(|end| end.port()).collect();
        let mut came: BTreeMap<Port<'a>, Option<Port<'a>>> =
            starts.iter().map(|port| (*port, None)).collect();
        let mut next: VecDeque<Port<'a>> = starts.into();
        let mut goals = Vec::new();
        while let Some(port) = next.pop_front() {
            let is_end = self.link(port).is_some_and(|(_, link)| link.master.is_none());
            if is_end && port.0 != from && to.is_none_or(|to| to == port.0) {
                goals.push(port);
                if to.is_some() {
                    break;
                }
                continue;
            }
            let plugged = self.joined.get(&port).into_iter().flatten().copied();
            // A router passes on from each of its interfaces to each.
            let open = is_end && self.link(port).is_some_and(|(space, link)| passes(&End { space, link }));
            let routers = self.ends().filter(|end| open && end.space.name == port.0 && passes(end));
            let routed = routers.map(|end| end.port());
            for other in plugged.chain(routed) {
                if let std::collections::btree_map::Entry::Vacant(entry) = came.entry(other) {
                    entry.insert(Some(port));
                    next.push_back(other);
                }
            }
        }
        let mut way: Vec<Port<'a>> = Vec::new();
        for goal in goals {
            let mut at = Some(goal);
            let mut steps = Vec::new();
            while let Some(port) = at {
                steps.push(port);
                at = came.get(&port).copied().flatten();
            }
            for port in steps.into_iter().rev() {
                if !way.contains(&port) {
                    way.push(port);
                }
            }
        }
        way.into_iter().filter_map(|port| self.link(port)).collect()
    }

    /// The port by which a bridge reaches an interface; none where it does not,
    /// or where that is the bridge's own.
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

    /// Tells whether others on an interface's wire are in a network.
    pub fn has_fellows(&self, end: End, net: Net) -> bool {
        let near = self.neighbours(&end.space.name, end.link);
        let others = near.iter().filter(|other| other.space.name != end.space.name);
        others.flat_map(|other| other.addrs(net.ip.is_ipv6())).any(|addr| net.contains(addr.ip))
    }

    /// The interface of a namespace that has no address of a network, and shares a wire
    /// with others of that network.
    pub fn right_link(&self, space: &Space, net: Net) -> Option<End<'a>> {
        let mut ends = self.ends().filter(|end| end.space.name == space.name);
        ends.find(|end| {
            let outside = |addr: &Address| !net.contains(addr.ip);
            end.addrs(net.ip.is_ipv6()).all(outside) && self.has_fellows(*end, net)
        })
    }

    /// The shortest way from one namespace to another, over wires, whatever
    /// addresses and routes there are.
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
            for out in self.ends().filter(|end| end.space.name == here && passes(end)) {
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
    /// Its namespace and index.
    pub fn port(&self) -> Port<'a> {
        (&self.space.name, self.link.index)
    }

    /// Tells whether it is a bridge without an address: it passes frames on
    /// among its ports, and its namespace has no part in that network.
    pub fn is_bare_bridge(&self) -> bool {
        self.link.kind == LinkKind::Bridge && self.addrs(false).chain(self.addrs(true)).next().is_none()
    }

    /// The addresses of one family, but those of a single link.
    pub fn addrs(&self, v6: bool) -> impl Iterator<Item = &'a Address> {
        let index = self.link.index;
        self.space
            .addrs
            .iter()
            .filter(move |addr| addr.index == index && addr.ip.is_ipv6() == v6 && addr.scope != "link")
    }
}

/// The network that an address with a prefix is in, as `10.0.0.0/24`.
pub(in crate::why) fn network(ip: IpAddr, len: u8) -> Net {
    Net { ip: join(ip, ip, len, false), len }
}

/// The address that has its first bits, `len` of them, from one and the rest
/// from another.
pub(in crate::why) fn transplant(net: IpAddr, len: u8, host: IpAddr) -> IpAddr {
    join(net, host, len, true)
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
