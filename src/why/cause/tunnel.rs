//! The two ends of a VXLAN tunnel: how they are matched, and how one is created again.

use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{FdbEntry, Link, LinkKind, Neighbour, Space, Vxlan};
use crate::why::Cause;
use crate::why::command::say::{nodad, onlink};
use crate::why::evidence::Evidence;
use crate::why::evidence::fib::{self, Flow};
use crate::why::evidence::ground::network;
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// One end of a tunnel.
#[derive(Clone, Copy)]
pub(super) struct Tunnel<'a> {
    pub space: &'a Space,
    pub link: &'a Link,
    pub of: &'a Vxlan,
}

/// Returns all VXLANs.
pub(super) fn tunnels<'a>(evidence: &Evidence<'a>) -> Vec<Tunnel<'a>> {
    let all = evidence.survey.spaces.iter();
    all.flat_map(|space| {
        space.links.iter().filter_map(move |link| Some(Tunnel { space, link, of: link.vxlan.as_ref()? }))
    })
    .collect()
}

/// Returns the two ends of each tunnel between the namespace that has the packet and the
/// next one.
pub(super) fn pairs<'a>(evidence: &Evidence<'a>) -> Vec<(Tunnel<'a>, Tunnel<'a>)> {
    let Some(dst) = evidence.destination() else { return Vec::new() };
    let home = evidence
        .ground
        .ends()
        .filter(|end| end.space.name == evidence.probe.from)
        .map(|end| end.port())
        .collect();
    let asked = match &evidence.gate {
        Gate::Resolve { asker, dev, wanted, .. } => {
            let link = evidence.survey.space(asker).and_then(|space| space.link(dev));
            let near_ends = link.map(|link| (asker.as_str(), link.index)).into_iter().collect();
            between(evidence, near_ends, *wanted)
        }
        _ => Vec::new(),
    };
    // The unanswered request may be one of the outer network, sent because of the tunnel.
    let found = if asked.is_empty() { between(evidence, home, dst) } else { asked };
    if found.is_empty() { routed(evidence) } else { found }
}

/// Returns the two ends of each tunnel that a router has sent the packet into.
fn routed<'a>(evidence: &Evidence<'a>) -> Vec<(Tunnel<'a>, Tunnel<'a>)> {
    let mut pairs: Vec<(Tunnel<'a>, Tunnel<'a>)> = Vec::new();
    for seen in evidence.shot.sightings.iter().filter(|seen| seen.out) {
        let passed = evidence.shot.passed(seen);
        let is_packet = matches!(passed, Some(Passed::Request | Passed::Reply));
        let Some((_, dst)) = seen.packet.ends().filter(|_| is_packet) else { continue };
        let Some(space) = evidence.survey.space(&seen.netns) else { continue };
        let Some(link) = space.link(&seen.dev).filter(|link| link.vxlan.is_some()) else { continue };
        let flow = Flow { dst, src: None, iif: None, mark: 0 };
        let via = fib::decide(space, &flow).and_then(|(_, route)| route?.via());
        for pair in between(evidence, vec![(space.name.as_str(), link.index)], via.unwrap_or(dst)) {
            if !pairs.iter().any(|known| known.0.port() == pair.0.port() && known.1.port() == pair.1.port()) {
                pairs.push(pair);
            }
        }
    }
    pairs
}

/// Returns pairs of tunnels: one on the wire of `near_ends`, the other on that of
/// `wanted` or of the target.
fn between<'a>(
    evidence: &Evidence<'a>,
    near_ends: Vec<(&str, u32)>,
    wanted: IpAddr,
) -> Vec<(Tunnel<'a>, Tunnel<'a>)> {
    let tunnels = tunnels(evidence);
    // A tunnel serves an end on its wire, also through a bridge.
    let serves = |tunnel: &Tunnel, space: &str, index: u32| {
        evidence.ground.share((&tunnel.space.name, tunnel.link.index), (space, index))
    };
    let far_ends: Vec<(&str, u32)> = evidence
        .ground
        .owners(wanted)
        .into_iter()
        .chain(evidence.destination().into_iter().flat_map(|dst| evidence.ground.owners(dst)))
        .map(|(space, addr)| (space.name.as_str(), addr.index))
        .filter(|end| !near_ends.contains(end))
        .collect();
    let mut pairs: Vec<(Tunnel<'a>, Tunnel<'a>)> = Vec::new();
    for near in tunnels.iter().filter(|one| near_ends.iter().any(|end| serves(one, end.0, end.1))) {
        for far in tunnels.iter().filter(|one| far_ends.iter().any(|end| serves(one, end.0, end.1))) {
            if near.space.name != far.space.name {
                pairs.push((*near, *far));
            }
        }
    }
    // If many tunnels share a wire, those that belong to the two ends come first.
    let is_home = |tunnel: &Tunnel, ends: &[(&str, u32)]| {
        ends.iter().any(|end| {
            tunnel.port() == *end
                || tunnel.space.name == end.0
                || tunnel.link.master.is_some_and(|master| plugged(evidence, tunnel.space, master, *end))
        })
    };
    let closest: Vec<_> = pairs
        .iter()
        .copied()
        .filter(|(near, far)| is_home(near, &near_ends) && is_home(far, &far_ends))
        .collect();
    let mut pairs = if closest.is_empty() { pairs } else { closest };
    // Each pair counts once, seen from the namespace that has the packet.
    let mut known: Vec<[(&str, u32); 2]> = Vec::new();
    pairs.retain(|(near, far)| {
        let fresh = !known.contains(&[far.port(), near.port()]);
        known.push([near.port(), far.port()]);
        fresh
    });
    pairs
}

/// Tells whether an interface is behind another port of the same bridge as a tunnel's
/// end.
fn plugged(evidence: &Evidence, space: &Space, bridge: u32, end: (&str, u32)) -> bool {
    let Some(bridge) = space.link_at(bridge) else { return false };
    let ends = evidence.ground.ends().find(|known| known.port() == end);
    ends.is_some_and(|end| {
        evidence.ground.port_to(space, bridge, end).is_some_and(|port| port.kind != LinkKind::Vxlan)
    })
}

impl<'a> Tunnel<'a> {
    fn port(&self) -> (&'a str, u32) {
        (&self.space.name, self.link.index)
    }

    /// Names the tunnel, with its namespace.
    pub fn name(&self) -> String {
        format!("{}'s {}", self.space.name, self.link.name)
    }

    /// Returns the namespace of the outer packets.
    pub fn underlay(&self, evidence: &Evidence<'a>) -> Option<&'a Space> {
        evidence.survey.space(self.of.underlay.as_deref()?)
    }

    /// Returns the FDB entries for flooding.
    pub fn flood(&self) -> Vec<&'a FdbEntry> {
        let all = self.space.fdb.iter();
        all.filter(|entry| {
            entry.index == self.link.index
                && entry.master.is_none()
                && is_zero(&entry.mac)
                && entry.dst.is_some()
        })
        .collect()
    }

    /// Returns the address at which the other end reaches this one.
    pub fn address(&self, evidence: &Evidence<'a>, other: Tunnel<'a>) -> Option<IpAddr> {
        let space = self.underlay(evidence)?;
        let has = |ip: IpAddr| space.addrs.iter().any(|addr| addr.ip == ip);
        if let Some(local) = self.of.local.filter(|ip| has(*ip)) {
            return Some(local);
        }
        let v6 = [self.of.remote, other.of.remote].into_iter().flatten().any(|ip| ip.is_ipv6());
        let usable = space.addrs.iter().filter(|addr| {
            let link = space.link_at(addr.index);
            addr.ip.is_ipv6() == v6
                && addr.scope != "host"
                && (v6 || addr.scope != "link")
                && link.is_some_and(|link| !link.loopback && link.kind != LinkKind::Vxlan)
                && Some(addr.index) != self.link.master
        });
        let near: Vec<_> =
            other.underlay(evidence).map(|space| space.addrs.iter().collect()).unwrap_or_default();
        let mut usable: Vec<_> = usable.collect();
        usable.sort_by_key(|addr| {
            let on_dev = self.of.dev == Some(addr.index);
            let on_wire = near
                .iter()
                .any(|near| near.ip != addr.ip && network(near.ip, near.prefix_len).contains(addr.ip));
            (!on_dev, !on_wire)
        });
        usable.first().map(|addr| addr.ip)
    }

    /// Suspects this end.
    pub fn suspect(&self, evidence: &Evidence, id: Cause, text: String, fix: Vec<String>) -> Suspicion {
        let mut suspect = suspect(id, format!("{}: {}", self.space.name, self.link.name), text, fix);
        suspect.evidence = vec![
            format!("{} -d link show {}", evidence.ip(&self.space.name), self.link.name),
            format!("{} fdb show dev {}", evidence.tool("bridge", &self.space.name), self.link.name),
        ];
        Suspicion { rank: Tier::Here.exact(), sure: false, suspect }
    }

    /// Tells whether somebody has entered this end's hardware address elsewhere.
    fn is_known(&self, evidence: &Evidence) -> bool {
        let mac = self.link.mac.as_str();
        let others = evidence.survey.spaces.iter().filter(|space| space.name != self.space.name);
        others.into_iter().any(|space| {
            let neighbour =
                |entry: &Neighbour| entry.state == "PERMANENT" && entry.mac.as_deref() == Some(mac);
            let entry =
                |entry: &FdbEntry| entry.state == "permanent" && entry.mac == mac && entry.dst.is_some();
            space.neighs.iter().any(neighbour) || space.fdb.iter().any(entry)
        })
    }

    /// Returns the commands that create this end again with other parameters: the VNI and
    /// the port can't be changed.
    pub fn again(&self, evidence: &Evidence<'a>, new: &Vxlan) -> Vec<String> {
        let (ns, dev) = (&self.space.name, &self.link.name);
        let ip = evidence.ip(ns);
        let mut add = format!("{ip} link add {dev} type vxlan id {} dstport {}", new.id, new.port);
        match new.remote {
            Some(group) if group.is_multicast() => add += &format!(" group {group}"),
            Some(remote) => add += &format!(" remote {remote}"),
            None => {}
        }
        if let Some(local) = new.local {
            add += &format!(" local {local}");
        }
        if let Some(below) = new.dev.and_then(|index| self.space.link_at(index)) {
            add += &format!(" dev {}", below.name);
        }
        for (on, word) in [
            (!new.learning, "nolearning"),
            (new.gbp, "gbp"),
            (new.gpe, "gpe"),
            (new.proxy, "proxy"),
            (new.rsc, "rsc"),
        ] {
            if on {
                add += &format!(" {word}");
            }
        }
        if new.ttl != 0 {
            add += &format!(" ttl {}", new.ttl);
        }
        let mut fix = vec![format!("{ip} link del {dev}"), add];
        if let Some(master) = self.link.master.and_then(|master| self.space.link_at(master)) {
            fix.push(format!("{ip} link set {dev} master {}", master.name));
        }
        for addr in
            self.space.addrs.iter().filter(|addr| addr.index == self.link.index && addr.scope != "link")
        {
            let nodad = nodad(addr.ip);
            fix.push(format!("{ip} addr add {}/{} dev {dev}{nodad}", addr.ip, addr.prefix_len));
        }
        if self.is_known(evidence) {
            fix.push(format!("{ip} link set {dev} address {}", self.link.mac));
        }
        // The default over Ethernet is 1450. A smaller one was chosen.
        let mtu = if self.link.mtu < 1450 { format!(" mtu {}", self.link.mtu) } else { String::new() };
        fix.push(format!("{ip} link set {dev}{mtu} up"));
        for route in self.space.routes.iter().filter(|route| {
            route.table == 254
                && route.protocol != "kernel"
                && route.kind == "unicast"
                && route.dev() == Some(dev)
        }) {
            let family = if route.dst.ip.is_ipv6() { " -6" } else { "" };
            let via = route.via().map(|via| format!(" via {via}")).unwrap_or_default();
            let onlink = onlink(route);
            let dev = if onlink.is_empty() { format!(" dev {dev}") } else { onlink };
            fix.push(format!("{ip}{family} route add {}{via}{dev}", route.dst));
        }
        let of_link = self.space.neighs.iter().filter(|entry| entry.index == self.link.index);
        for entry in of_link.filter(|entry| entry.state == "PERMANENT") {
            let Some(mac) = &entry.mac else { continue };
            fix.push(format!("{ip} neigh replace {} lladdr {mac} dev {dev} nud permanent", entry.ip));
        }
        for entry in self.space.fdb.iter().filter(|entry| {
            entry.index == self.link.index && entry.master.is_none() && entry.state == "permanent"
        }) {
            // The entry of the new `remote` comes by itself; that of the old one is not
            // wanted.
            let own = [new.remote, self.of.remote];
            if let Some(dst) = entry.dst.filter(|dst| !(is_zero(&entry.mac) && own.contains(&Some(*dst)))) {
                let tool = evidence.tool("bridge", ns);
                fix.push(format!("{tool} fdb append {} dev {dev} dst {dst}", entry.mac));
            }
        }
        fix
    }
}

/// Tells whether a hardware address is the one that stands for all unknown addresses.
pub(super) fn is_zero(mac: &str) -> bool {
    mac == "00:00:00:00:00:00"
}
