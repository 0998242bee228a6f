//! Packets whose time to live expires: in a routing loop, or because their route sets a
//! small one.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::Space;
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib::{self, Flow};
use std::net::IpAddr;

/// Suspects routing loops, and routes with a small hop limit.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(dst) = evidence.shot.target else { return Vec::new() };
    let mut found = turned_back(evidence, dst);
    let there = short(evidence, evidence.from(), dst);
    let back = evidence.ends_at_target().and_then(|(src, _)| short(evidence, evidence.answerer()?, src));
    found.extend(there.into_iter().chain(back));
    found
}

/// Suspects a route with a hop limit that is too small.
fn short(evidence: &Evidence, space: &Space, dst: IpAddr) -> Option<Suspicion> {
    let (_, route) = fib::decide(space, &Flow { dst, src: None, iif: None, mark: 0 })?;
    let route = route?;
    let limit = route.hoplimit.filter(|limit| (1..32).contains(limit))?;
    let ip =
        if dst.is_ipv6() { format!("{} -6", evidence.ip(&space.name)) } else { evidence.ip(&space.name) };
    let ns = &space.name;
    let text = format!(
        "{ns}'s route to {} has hoplimit {limit}: its packets leave with this time to live (TTL), which runs out on the way to {dst}",
        route.dst
    );
    let mut fix = format!("{ip} route replace {}", route.dst);
    fix += &route.via().map(|via| format!(" via {via}")).unwrap_or_default();
    fix += &route.dev().map(|dev| format!(" dev {dev}")).unwrap_or_default();
    if route.table != 254 {
        fix += &format!(" table {}", route.table);
    }
    if route.metric != 0 {
        fix += &format!(" metric {}", route.metric);
    }
    let mut suspect = suspect(Cause::TtlTooSmall, format!("{ns}: {}", route.dst), text, vec![fix]);
    suspect.evidence = vec![format!("{ip} route get {dst}")];
    Some(Suspicion { rank: Tier::Here.close(), sure: false, suspect })
}

/// Suspects two namespaces that send a packet back and forth.
fn turned_back(evidence: &Evidence, dst: IpAddr) -> Vec<Suspicion> {
    let circle = circle(evidence);
    let [first, .., last] = &circle[..] else { return Vec::new() };
    let via = |space: &Space| {
        let (_, route) = fib::decide(space, &Flow { dst, src: None, iif: None, mark: 0 })?;
        let route = route?;
        let shown =
            if route.dst.len == 0 { "default route".into() } else { format!("route to {}", route.dst) };
        Some((shown, route.via()?))
    };
    let (Some((there, to)), Some((back, fro))) = (via(first), via(last)) else { return Vec::new() };
    let mut text = format!(
        "{}'s {there} sends it to {} ({to}), and {}'s {back} sends it back ({fro}): it goes in a circle until its time to live has run out",
        first.name, last.name, last.name
    );
    if !evidence.ground.owners(dst).is_empty() {
        // If the target exists, `route` finds the wrong route.
        return Vec::new();
    }
    text += &format!("; nobody has {dst}, and {} is where the more exact route leads", last.name);
    let len = if dst.is_ipv6() { 128 } else { 32 };
    let fix = vec![format!("{} addr add {dst}/{len} dev lo", evidence.ip(&last.name))];
    let suspect = suspect(Cause::RoutingLoop, format!("{} and {}", first.name, last.name), text, fix);
    vec![Suspicion { rank: Tier::Named.plain(), sure: false, suspect }]
}

/// Returns the namespaces that the request came through more than twice, the one with the
/// most specific route first.
fn circle<'a>(evidence: &Evidence<'a>) -> Vec<&'a Space> {
    let mut came: Vec<(&'a Space, usize)> = Vec::new();
    let requests = evidence
        .shot
        .sightings
        .iter()
        .filter(|seen| !seen.out && evidence.shot.passed(seen) == Some(Passed::Request));
    for seen in requests {
        let Some(space) = evidence.survey.space(&seen.netns) else { continue };
        match came.iter_mut().find(|(known, _)| known.name == space.name) {
            Some((_, times)) => *times += 1,
            None => came.push((space, 1)),
        }
    }
    let mut circle: Vec<&Space> =
        came.into_iter().filter(|(_, times)| *times > 2).map(|(space, _)| space).collect();
    let exact = |space: &Space| {
        let dst: IpAddr = evidence.shot.target?;
        fib::decide(space, &Flow { dst, src: None, iif: None, mark: 0 })?.1.map(|route| route.dst.len)
    };
    circle.sort_by_key(|space| std::cmp::Reverse(exact(space)));
    circle
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::TtlTooSmall,
        title: "packets start with too small a time to live (IPv4)",
        symptom: "`Time to live exceeded`, from a router that is not far away.",
        cause: "Each router takes one off, and the one that takes the last discards the packet.",
        evidence: "64 is usual:\n  ip netns exec NS sysctl net.ipv4.ip_default_ttl",
        cure: "Set it back:\n  ip netns exec NS sysctl -w net.ipv4.ip_default_ttl=64",
    },
    Page {
        id: Cause::RoutingLoop,
        title: "routers send the packet round in a circle",
        symptom: "`Time to live exceeded`, or silence, and the same packet at the same interface again and again.",
        cause: "Each router believes another one to be the way, as where one has lost the network and its default route leads back.",
        evidence: "Ask each router; traceroute shows the same ones in turns:\n  ip -n NS route get ADDR\n  ip netns exec NS traceroute -n ADDR",
        cure: "Correct the route of the one that sends it back:\n  ip -n NS route replace NETWORK/LEN via GATEWAY",
    },
];
