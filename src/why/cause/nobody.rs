//! Statements for when no command would cure anything.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::LinkKind;
use crate::why::Cause;
use crate::why::command::say::{nodad, show};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
use crate::why::look::gate::is_local;

/// Suspects that no namespace has the target's address, or that the sender has no link at
/// all. All other suspects come first.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let from = &evidence.probe.from;
    let mut found = Vec::new();
    let own = evidence.shot.target.is_some_and(|dst| is_local(evidence.from(), dst) || dst.is_loopback());
    if !evidence.from().links.iter().any(|link| !link.loopback) && !own {
        let text = format!("{from} has no interface but lo: no cable is plugged in");
        let mut suspect = suspect(Cause::LinkMissing, from.clone(), text, Vec::new());
        suspect.evidence = vec![format!("{} link", evidence.ip(from))];
        found.push(Suspicion { rank: Tier::Last.close(), sure: false, suspect });
        found.extend(plugged_elsewhere(evidence));
    }
    let Some(dst) = evidence.shot.target else { return found };
    if evidence.ground.owners(dst).is_empty()
        && !dst.is_loopback()
        && !evidence.probe.broadcast
        && !dst.is_multicast()
        && !evidence.is_outside(dst)
        && !evidence.is_service(dst)
    {
        let near: Vec<String> = evidence
            .survey
            .spaces
            .iter()
            .filter(|space| space.name != *from)
            .flat_map(|space| space.addrs.iter().map(move |addr| (space, addr)))
            .filter(|(_, addr)| addr.scope == "global" && addr.ip.is_ipv6() == dst.is_ipv6())
            .map(|(space, addr)| format!("{} {}", space.name, addr.ip))
            .take(6)
            .collect();
        let others = match near.is_empty() {
            true => "nor has anybody else an address".to_string(),
            false => format!("there are {}", near.join(", ")),
        };
        let text = format!("no namespace of the lab has {dst}; {others}");
        let mut suspect = suspect(Cause::AddressUnknown, dst.to_string(), text, Vec::new());
        suspect.evidence = vec![format!("{} route get {dst}", evidence.ip(from))];
        found.push(Suspicion { rank: Tier::Last.plain(), sure: false, suspect });
    }
    found
}

/// Suspects that the other end of the target's cable is in the wrong namespace and
/// belongs to the sender.
fn plugged_elsewhere(evidence: &Evidence) -> Vec<Suspicion> {
    let (Some(dst), from) = (evidence.shot.target, &evidence.probe.from) else { return Vec::new() };
    let mut found = Vec::new();
    for (target, addr) in evidence.ground.owners(dst) {
        let Some(link) = target.link_at(addr.index) else { continue };
        for end in evidence.ground.neighbours(&target.name, link) {
            let (space, dev) = (&end.space.name, &end.link.name);
            let only = end.space.links.iter().filter(|link| !link.loopback).count() == 1;
            if space == from || space == "host" || !only || end.link.kind != LinkKind::Veth {
                continue;
            }
            let text = format!(
                "{from} has no interface but lo: the cable of {} ends in {space}, at {dev}, and was probably plugged into the wrong namespace",
                target.name
            );
            let mut fix = vec![format!("{} link set {dev} netns {from}", evidence.ip(space))];
            let addrs: Vec<String> = end.addrs(dst.is_ipv6()).map(show).collect();
            let addrs = match addrs.is_empty() {
                true => {
                    vec![format!(
                        "{}/{}",
                        evidence.free_address(network(addr.ip, addr.prefix_len)),
                        addr.prefix_len
                    )]
                }
                false => addrs,
            };
            fix.extend(
                addrs
                    .iter()
                    .map(|addr| format!("{} addr add {addr} dev {dev}{}", evidence.ip(from), nodad(dst))),
            );
            fix.push(format!("{} link set {dev} up", evidence.ip(from)));
            let mut suspect = suspect(Cause::CableInWrongNamespace, format!("{space}: {dev}"), text, fix);
            suspect.evidence =
                vec![format!("{} link", evidence.ip(from)), format!("{} link", evidence.ip(space))];
            found.push(Suspicion { rank: Tier::Elsewhere.plain(), sure: false, suspect });
        }
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::LinkMissing,
        title: "a namespace has no interface but its loopback",
        symptom: "`Network is unreachable`, whoever is asked.",
        cause: "A new namespace has `lo` alone. The cable was never made, or was plugged in elsewhere, or went with its other end.",
        evidence: "Only `lo` is there:\n  ip -n NS link",
        cure: "Make a cable, one end here:\n  ip link add DEV netns NS type veth peer name DEV netns OTHER",
    },
    Page {
        id: Cause::CableInWrongNamespace,
        title: "the other end of the cable is in another namespace",
        symptom: "`Network is unreachable`: the one who asks has `lo` alone.",
        cause: "A veth pair has two ends, and the second one was given to a namespace that is not meant.",
        evidence: "Where is the other end (`link-netns`)?\n  ip -n NS link",
        cure: "Move it, and give it its address there, for a move takes that away:\n  ip -n OTHER link set DEV netns NS\n  ip -n NS addr add ADDR/LEN dev DEV\n  ip -n NS link set DEV up",
    },
    Page {
        id: Cause::AddressUnknown,
        title: "nobody has the address that is asked for",
        symptom: "`Network is unreachable` where there is no route to it, `Destination Host Unreachable` where there is one.",
        cause: "No interface of the lab has it, and no rule sends packets for it elsewhere. Perhaps it was typed wrong, or never given.",
        evidence: "Who has which address?\n  ip -n NS -br addr",
        cure: "Ask an address that somebody has, or give it to somebody:\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
];
