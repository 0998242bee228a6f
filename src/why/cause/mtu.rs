//! Packets that are larger than the MTU of a link or a route.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::TooLarge;
use crate::net::survey::{Link, Route, RouteQuestion, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;

/// Suspects links and routes with a small MTU.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let Some(dst) = evidence.shot.target else { return found };
    // Those of IP and ICMP, or of IP and TCP with its time stamps.
    let headers = match (evidence.probe.tcp, dst.is_ipv6()) {
        (None, false) => 28,
        (None, true) => 48,
        (Some(_), false) => 52,
        (Some(_), true) => 72,
    };
    let length = u32::from(evidence.probe.size.unwrap_or(56)) + headers;
    // TCP sends no larger packets than the first link takes.
    let first = evidence.links_on_the_way().first().map_or(length, |(_, link)| link.mtu);
    let length = if evidence.probe.tcp.is_some() { length.min(first) } else { length };
    let too_large = evidence.shot.too_large;
    let tier = if too_large.is_some() { Tier::Named } else { Tier::OnTheWay };
    if too_large.is_none() && evidence.probe.size.is_none() && evidence.probe.tcp.is_none() {
        return found;
    }
    let mut links = evidence.links_on_the_way();
    if let Some(left) = left_by(evidence).filter(|(_, link)| link.mtu < length) {
        links.retain(|(space, link)| (&space.name, link.index) != (&left.0.name, left.1.index));
        links.insert(0, left);
    }
    let widest = links.iter().map(|(_, link)| link.mtu).max().unwrap_or(1500).max(1500).max(length.min(9000));
    let small: Vec<&(&Space, &Link)> =
        links.iter().filter(|(_, link)| link.mtu < length && !link.loopback).collect();
    if let Some((space, link)) = small.first() {
        let names: Vec<String> = small
            .iter()
            .map(|(space, link)| format!("{}'s {} ({})", space.name, link.name, link.mtu))
            .collect();
        let text = format!(
            "a packet of {length} bytes is larger than the MTU of {}{}",
            names.join(" and "),
            if evidence.probe.df { ", and fragments are forbidden (DF)" } else { "" }
        );
        let mut fix: Vec<String> = small
            .iter()
            .map(|(space, link)| {
                let mtu = of_tunnel(evidence, link).filter(|mtu| *mtu >= length).unwrap_or(widest);
                format!("{} link set {} mtu {mtu}", evidence.ip(&space.name), link.name)
            })
            .collect();
        // The kernel remembers a path MTU for ten minutes.
        let learned = too_large == Some(TooLarge::AtSender) && evidence.from().name != space.name;
        if too_large == Some(TooLarge::AtRouter) || learned {
            let family = if dst.is_ipv6() { " -6" } else { "" };
            fix.push(format!("{}{family} route flush cache", evidence.ip(&evidence.probe.from)));
        }
        let mut suspect = suspect(Cause::MtuTooSmall, format!("{}: {}", space.name, link.name), text, fix);
        suspect.evidence = vec![format!("{} link show {}", evidence.ip(&space.name), link.name)];
        found.push(Suspicion { rank: tier.plain(), sure: false, suspect });
    }
    for space in evidence.spaces_on_the_way() {
        for route in &space.routes {
            let Some(mtu) = route.mtu.filter(|mtu| *mtu < length) else { continue };
            let leads = route.dst.contains(dst)
                || evidence.stuck.ends.is_some_and(|(src, _)| route.dst.contains(src));
            if leads {
                found.push(by_route(evidence, space, route, mtu, length, tier));
            }
        }
    }
    found
}

/// Returns the link by which a router that refused the packet would have sent it.
fn left_by<'a>(evidence: &Evidence<'a>) -> Option<(&'a Space, &'a Link)> {
    evidence.shot.too_large.filter(|by| *by == TooLarge::AtRouter)?;
    let space = evidence.survey.space(&evidence.stuck.ns)?;
    let (_, dst) = evidence.stuck.ends?;
    let route = evidence.kernel.route_get(&space.name, &RouteQuestion::to(dst)).ok()?;
    Some((space, space.link(route.dev()?)?))
}

/// Returns the MTU that the other ends of a VXLAN have, if it is larger.
fn of_tunnel(evidence: &Evidence, link: &Link) -> Option<u32> {
    let id = link.vxlan.as_ref()?.id;
    let links = evidence.survey.spaces.iter().flat_map(|space| &space.links);
    let ends = links.filter(|other| other.vxlan.as_ref().is_some_and(|vxlan| vxlan.id == id));
    ends.map(|other| other.mtu).max().filter(|mtu| *mtu > link.mtu)
}

fn by_route(
    evidence: &Evidence,
    space: &Space,
    route: &Route,
    mtu: u32,
    length: u32,
    tier: Tier,
) -> Suspicion {
    let ip = if route.dst.ip.is_ipv6() {
        format!("{} -6", evidence.ip(&space.name))
    } else {
        evidence.ip(&space.name)
    };
    let (id, why, fix) = match route.cached {
        true => (Cause::PmtuCached, "was learned from a router's error", format!("{ip} route flush cache")),
        false => (
            Cause::RouteMtu,
            if route.mtu_locked { "is locked to" } else { "has" },
            format!("{ip} route replace {}", spoken(route)),
        ),
    };
    let text = format!(
        "{}'s route to {} {why} an MTU of {mtu}, and the packet has {length} bytes",
        space.name, route.dst
    );
    let mut suspect = suspect(id, format!("{}: {}", space.name, route.dst), text, vec![fix]);
    suspect.evidence = vec![format!("{ip} route show {}", route.dst)];
    Suspicion { rank: tier.close(), sure: false, suspect }
}

/// Returns a route as one types it, without its MTU.
fn spoken(route: &Route) -> String {
    let mut words = route.dst.to_string();
    if let Some(via) = route.via() {
        words += &format!(" via {via}");
    }
    if let Some(dev) = route.dev() {
        words += &format!(" dev {dev}");
    }
    if let Some(src) = route.src {
        words += &format!(" src {src}");
    }
    if route.table != 254 {
        words += &format!(" table {}", route.table);
    }
    if route.metric != 0 {
        words += &format!(" metric {}", route.metric);
    }
    words
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::MtuTooSmall,
        title: "the packet is larger than a link on the way takes",
        symptom: "Small pings work, large ones don't: `message too long`, `Frag needed and DF set`, `Packet too big`, or silence.",
        cause: "A link takes packets up to its MTU. A larger one is cut in pieces, which `-M do` forbids and IPv6 never does on the way; where the two ends of a cable differ, the smaller one drops it without a word.",
        evidence: "Compare the numbers behind `mtu` along the way; the header of a ping is 28 bytes, 48 in IPv6:\n  ip -n NS link show\n  ip netns exec NS ping -M do -s SIZE ADDR",
        cure: "Give all links of the way the same MTU, or send less:\n  ip -n NS link set DEV mtu 1500",
    },
    Page {
        id: Cause::RouteMtu,
        title: "a route allows only smaller packets",
        symptom: "`message too long`, or packets cut in pieces, although all links take more.",
        cause: "A route can have an MTU of its own, and `lock` forbids to learn another one.",
        evidence: "`mtu` in the route:\n  ip -n NS route get ADDR\n  ip -n NS route",
        cure: "Set the route again without it:\n  ip -n NS route replace NETWORK/LEN via GATEWAY",
    },
    Page {
        id: Cause::PmtuCached,
        title: "the kernel remembers a smaller MTU of the way",
        symptom: "`message too long`, although the narrow link was mended.",
        cause: "A router's error has told the kernel what the way takes, and it believes that for ten minutes.",
        evidence: "`cache expires … mtu …`:\n  ip -n NS route get ADDR",
        cure: "Have it forget:\n  ip -n NS route flush cache",
    },
];
