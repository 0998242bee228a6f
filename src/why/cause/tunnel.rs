//! The two ends of a VXLAN tunnel: how they are matched, and how one is created again.

use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{FdbEntry, Link, LinkKind, Space, Vxlan};
use crate::why::Cause;
use crate::why::command::say::nodad;
use crate::why::evidence::Evidence;
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
    let Some(dst) = evidence.shot.target else { return Vec::new() };
    let home = evidence
        .ground
        .ends()
        .filter(|end| end.space.name == evidence.probe.from)
        .map(|end| end.port())
        .collect();
    let Gate::Resolve { asker, dev, wanted, .. } = &evidence.gate else {
        return between(evidence, home, dst);
    };
    let link = evidence.survey.space(asker).and_then(|space| space.link(dev));
    let near_ends = link.map(|link| (asker.as_str(), link.index)).into_iter().collect();
    let pairs = between(evidence, near_ends, *wanted);
    // The unanswered request may be one of the outer network, sent because of the tunnel.
    if pairs.is_empty() { between(evidence, home, dst) } else { pairs }
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
        .chain(evidence.shot.target.into_iter().flat_map(|dst| evidence.ground.owners(dst)))
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
        fix.push(format!("{ip} link set {dev} up"));
        for route in self.space.routes.iter().filter(|route| {
            route.table == 254
                && route.protocol != "kernel"
                && route.kind == "unicast"
                && route.dev() == Some(dev)
        }) {
            let family = if route.dst.ip.is_ipv6() { " -6" } else { "" };
            let via = route.via().map(|via| format!(" via {via}")).unwrap_or_default();
            fix.push(format!("{ip}{family} route add {}{via} dev {dev}", route.dst));
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
