//! Routers that get packets for others and do not forward them.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::net::survey::{LinkKind, Space, conf_key};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects routers.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    if evidence.gate == Gate::Forward
        && let (Some((space, link)), Some((_, dst))) =
            (evidence.stuck.link(evidence.survey), evidence.stuck.ends)
        && !link.loopback
        && !evidence.probe.broadcast
    {
        // A host with one interface is hardly meant as a router.
        let is_host = evidence.ground.ends().filter(|end| end.space.name == space.name).count() < 2;
        let rank = if is_host { Tier::OnTheWay.loose() } else { Tier::Here.exact() };
        found.extend(off(evidence, space, &link.name, dst, rank));
    }
    // The reply may come by another router or another interface.
    for space in evidence.spaces_on_the_way() {
        let Some(dst) = evidence.shot.target else { continue };
        let is_end = space.name == evidence.probe.from
            || evidence.targets().iter().any(|target| target.name == space.name);
        if is_end || space.name == evidence.stuck.ns {
            continue;
        }
        for (_, link) in evidence
            .links_on_the_way()
            .into_iter()
            .filter(|(at, link)| at.name == space.name && link.master.is_none())
        {
            if !is_bridged(evidence, space, link.index) {
                found.extend(off(evidence, space, &link.name, dst, Tier::OnTheWay.loose()));
            }
        }
    }
    found
}

/// Tells whether frames only pass a bridge here, so that no packet is routed.
fn is_bridged(evidence: &Evidence, space: &Space, index: u32) -> bool {
    space.link_at(index).is_some_and(|link| link.kind == LinkKind::Bridge)
        && !evidence.shot.sightings.iter().any(|seen| seen.netns == space.name && seen.index == index)
}

fn off(evidence: &Evidence, space: &Space, dev: &str, dst: IpAddr, rank: Rank) -> Option<Suspicion> {
    let (family, master) = match dst {
        IpAddr::V6(_) => ("ipv6", "net.ipv6.conf.all.forwarding"),
        IpAddr::V4(_) => ("ipv4", "net.ipv4.ip_forward"),
    };
    let own = conf_key(family, dev, "forwarding");
    let is_off = |key: &str| space.switch(key) == Some(0);
    let is_at_fault = is_off(&own) || dst.is_ipv6() && is_off(master);
    if !is_at_fault {
        return None;
    }
    let key = if is_off(master) { master.to_string() } else { own };
    let text = format!(
        "{} gets packets for others on {dev} and does not forward them: {key}=0 there{}",
        space.name,
        elsewhere(evidence, space, &key)
    );
    let mut suspect = suspect(
        Cause::ForwardingOff,
        format!("{}: {key}", space.name),
        text,
        vec![evidence.sysctl(&space.name, &key, "1")],
    );
    suspect.evidence = vec![evidence.exec(&space.name, &format!("sysctl {key}"))];
    Some(Suspicion { rank, sure: false, suspect })
}

/// Names another namespace that has the switch on: each namespace has its own.
fn elsewhere(evidence: &Evidence, space: &Space, key: &str) -> String {
    let on = |other: &&Space| other.name != space.name && other.switch(key) == Some(1);
    let only = evidence.survey.spaces.iter().filter(on).map(|other| other.name.as_str()).collect::<Vec<_>>();
    let routers = evidence.spaces_on_the_way();
    match only[..] {
        [other] if !routers.iter().any(|router| router.name == other) => {
            format!(" (it is 1 in {other}: each namespace has its own switches)")
        }
        _ => String::new(),
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::ForwardingOff,
    title: "a namespace gets packets for others and does not forward them",
    symptom: "Silence: the request comes in at the router and does not go on.",
    cause: "Whoever has two interfaces is no router yet. Each namespace has its own switch, and IPv4 and IPv6 have one each.",
    evidence: "0 means that it does not forward:\n  ip netns exec NS sysctl net.ipv4.ip_forward\n  ip netns exec NS sysctl net.ipv6.conf.all.forwarding",
    cure: "Switch it on in the namespace of the router:\n  ip netns exec NS sysctl -w net.ipv4.ip_forward=1",
}];
