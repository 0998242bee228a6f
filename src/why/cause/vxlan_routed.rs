//! VXLANs that a router sends into, as Flannel's: neighbours and their hardware addresses are
//! entered by a program, a remote may be behind NAT, and the outer packets have a route too.

use super::Suspicion;
use super::page::Page;
use super::tunnel::Tunnel;
use crate::net::survey::{FdbEntry, Neighbour};
use crate::why::Cause;
use crate::why::command::say::words;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib::{self, Flow};
use crate::why::look::translation::{Rewrites, rewrites};
use std::net::IpAddr;

/// Returns the permanent neighbour entry that an end has for the other end's hardware address.
/// With it, nothing has to be flooded.
pub(super) fn neighbour<'a>(end: Tunnel<'a>, other: Tunnel<'a>) -> Option<&'a Neighbour> {
    end.space.neighs.iter().find(|entry| {
        let mac = entry.mac.as_deref() == Some(other.link.mac.as_str());
        mac && entry.index == end.link.index && entry.state == "PERMANENT"
    })
}

/// Suspects an end that knows its neighbour's hardware address, and not where to send it.
pub(super) fn entry_missing<'a>(
    evidence: &Evidence<'a>,
    end: Tunnel<'a>,
    other: Tunnel<'a>,
    known: &Neighbour,
    right: IpAddr,
) -> Option<Suspicion> {
    let mac = other.link.mac.as_str();
    let sends = |entry: &FdbEntry| {
        entry.index == end.link.index && entry.mac == mac && entry.master.is_none() && entry.dst.is_some()
    };
    if end.space.fdb.iter().any(sends) || !end.flood().is_empty() {
        return None;
    }
    let text = format!(
        "{} has a permanent neighbour entry for {}, and no FDB entry that says where its hardware address {mac} is: {} is at {right}",
        end.name(),
        known.ip,
        other.name()
    );
    let tool = evidence.tool("bridge", &end.space.name);
    let mac = evidence.mac_words(mac);
    let fix = vec![format!("{tool} fdb append {mac} dev {} dst {right}", end.link.name)];
    Some(end.suspect(evidence, Cause::VxlanFdbMissing, text, fix))
}

/// Tells whether a namespace that has an address passes on what comes there for a UDP port.
pub(super) fn is_translated(evidence: &Evidence, ip: IpAddr, port: u16) -> bool {
    evidence.ground.owners(ip).into_iter().any(|(space, _)| {
        let walls = evidence.shot.walls.iter().filter(|wall| wall.netns == space.name);
        walls.flat_map(|wall| &wall.after.rules).any(|rule| {
            let text = port.to_string();
            let is_port = rule.spec.split(|c: char| !c.is_ascii_digit()).any(|word| word == text);
            rewrites(rule) == Some(Rewrites::Destination) && (is_port || !rule.spec.contains("port"))
        })
    })
}

/// Suspects an end whose outer packets are routed into the tunnel itself.
pub(super) fn into_itself<'a>(evidence: &Evidence<'a>, end: Tunnel<'a>) -> Option<Suspicion> {
    let remote = end.of.remote.filter(|ip| !ip.is_multicast())?;
    let space = end.underlay(evidence).filter(|space| space.name == end.space.name)?;
    let flow = Flow { dst: remote, src: end.of.local, iif: None, mark: 0 };
    let (rule, route) = fib::decide(space, &flow)?;
    let route = route.filter(|route| route.dev() == Some(end.link.name.as_str()))?;
    // The way without the tunnel.
    let mut without = space.clone();
    without.routes.retain(|route| route.dev() != Some(end.link.name.as_str()));
    let right = without.routes.iter().filter(|right| right.table == 254 && right.dst.contains(remote));
    let right = right.filter(|right| fib::is_usable(right)).max_by_key(|right| right.dst.len)?;
    let dev = right.dev()?;
    let via = right.via().map(|via| format!(" via {via}")).unwrap_or_default();
    let table = if route.table == 254 { String::new() } else { format!(" table {}", route.table) };
    let by = if fib::is_default(rule) {
        String::new()
    } else {
        format!(" by rule {} ({})", rule.pref, words(rule))
    };
    let text = format!(
        "{}'s own packets to {remote} are routed into the tunnel itself{by}: its other end needs a way outside of it",
        end.name()
    );
    let family = if remote.is_ipv6() { " -6" } else { "" };
    let is_its_own = route.dst.len == evidence.most(remote.is_ipv6());
    let verb = if is_its_own { "replace" } else { "add" };
    let fix =
        vec![format!("{}{family} route {verb} {remote}{via} dev {dev}{table}", evidence.ip(&space.name))];
    let mut one = end.suspect(evidence, Cause::TunnelIntoItself, text, fix);
    one.suspect.evidence = vec![format!("{} route get {remote}", evidence.ip(&space.name))];
    Some(one)
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::TunnelIntoItself,
    title: "a tunnel's own packets are routed into it",
    symptom: "`Destination Host Unreachable`, and nothing leaves the interface below the tunnel.",
    cause: "A default route or a rule that takes everything into the tunnel takes the tunnel's own packets as well. The kernel drops such a packet.",
    evidence: "Which link leads to the other end?\n  ip -n NS route get REMOTE\n  ip -n NS rule",
    cure: "A route for the other end alone, in the table that is asked first:\n  ip -n NS route add REMOTE via GATEWAY dev UPLINK table TABLE",
}];
