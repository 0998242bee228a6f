//! Links that are switched off, or have no carrier.

use super::page::Page;
use super::rank::{Fit, Tier};
use super::{Suspicion, suspect};
use crate::event::Suspect;
use crate::net::survey::{Link, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
use std::net::IpAddr;

/// Suspects links.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    found.extend(loopback(evidence));
    found.extend(down(evidence, &with_other_ends(evidence, evidence.links_on_the_way()), 0));
    // If several ways lead to the target, the links of its address count, not the
    // shortest way.
    found.extend(down(evidence, &of_address(evidence), 1));
    found.extend(own_network_down(evidence));
    for (space, link) in evidence.links_on_the_way() {
        found.extend(held_down(evidence, space, link));
    }
    found
}

/// Returns the links that have the target's address, and the sender's links whose network
/// contains it.
fn of_address<'a>(evidence: &Evidence<'a>) -> Vec<(&'a Space, &'a Link)> {
    let Some(dst) = evidence.destination() else { return Vec::new() };
    let theirs = evidence.ground.owners(dst).into_iter();
    let theirs = theirs.filter(|(space, _)| space.name != evidence.probe.from);
    let theirs = theirs.filter_map(|(space, addr)| Some((space, space.link_at(addr.index)?)));
    of_sender(evidence, dst).into_iter().chain(theirs).collect()
}

/// Returns the sender's links whose network contains an address.
fn of_sender<'a>(evidence: &Evidence<'a>, dst: IpAddr) -> Vec<(&'a Space, &'a Link)> {
    let from = evidence.from();
    let ours = from.addrs.iter().filter(|addr| network(addr.ip, addr.prefix_len).contains(dst));
    ours.filter_map(|addr| Some((from, from.link_at(addr.index)?))).collect()
}

/// Suspects a link of the sender that is off, and whose address is in the target's network: the
/// packet goes another way meanwhile, and may be stopped there.
fn own_network_down(evidence: &Evidence) -> Option<Suspicion> {
    let links = of_sender(evidence, evidence.shot.target?);
    let went_another_way = evidence.stuck.ns != evidence.probe.from;
    let mut found = down(evidence, &links, 1).filter(|_| went_another_way)?;
    found.rank = Tier::Named.exact().near(1);
    Some(found)
}

/// Adds to some links the other ends of those without a carrier: an end that is off may
/// be anywhere.
fn with_other_ends<'a>(
    evidence: &Evidence<'a>,
    links: Vec<(&'a Space, &'a Link)>,
) -> Vec<(&'a Space, &'a Link)> {
    let mut all = links.clone();
    let without = links.iter().filter(|(_, link)| link.up && !link.lower_up);
    for (space, link) in without.filter_map(|(_, link)| evidence.survey.find(link.peer.as_ref()?)) {
        if !all.iter().any(|(at, known)| (&at.name, known.index) == (&space.name, link.index)) {
            all.push((space, link));
        }
    }
    all
}

/// Suspects those of some links that are switched off.
fn down(evidence: &Evidence, links: &[(&Space, &Link)], nearness: i8) -> Option<Suspicion> {
    let down: Vec<_> = links.iter().filter(|(_, link)| !link.up).collect();
    let (space, link) = down.first()?;
    let names: Vec<String> =
        down.iter().map(|(space, link)| format!("{}'s {}", space.name, link.name)).collect();
    let (verb, them) = if down.len() == 1 { ("is", "it") } else { ("are", "them") };
    let text = format!("{} {verb} DOWN: nobody has switched {them} on", names.join(" and "));
    let fix = down
        .iter()
        .map(|(space, link)| format!("{} link set {} up", evidence.ip(&space.name), link.name))
        .collect();
    let mut suspect = suspect(Cause::LinkDown, format!("{}: {}", space.name, link.name), text, fix);
    suspect.evidence = vec![format!("{} -br link show {}", evidence.ip(&space.name), link.name)];
    Some(Suspicion { rank: Tier::Here.exact().near(nearness), sure: true, suspect })
}

/// Suspects a `lo` that is off: packets to an own address go over it.
fn loopback(evidence: &Evidence) -> Option<Suspicion> {
    let (dst, space) = (evidence.shot.target?, evidence.from());
    let lo = space.links.iter().find(|link| link.loopback)?;
    let own = space.addrs.iter().any(|addr| addr.ip == dst) || dst.is_loopback();
    if lo.up || !own {
        return None;
    }
    let text = format!(
        "lo is DOWN in {}: a new namespace has it switched off, and what one sends to one's own address ({dst}) goes over lo",
        space.name
    );
    let fix = vec![format!("{} link set lo up", evidence.ip(&space.name))];
    let suspect = Suspect {
        evidence: vec![format!("{} route get {dst}", evidence.ip(&space.name))],
        ..suspect(Cause::LoopbackDown, format!("{}: lo", space.name), text, fix)
    };
    Some(Suspicion { rank: Tier::Named.plain(), sure: true, suspect })
}

/// Suspects a link that is held down (protodown), whose frames an XDP program sees first,
/// or that is a tun or tap without a reader.
fn held_down(evidence: &Evidence, space: &Space, link: &Link) -> Option<Suspicion> {
    let (ip, ns, dev) = (evidence.ip(&space.name), &space.name, &link.name);
    let (id, text, fix) = if link.protodown {
        (
            Cause::LinkProtodown,
            format!("{dev} in {ns} is held down (protodown on), so it has no carrier"),
            vec![format!("{ip} link set {dev} protodown off")],
        )
    } else if link.xdp {
        (
            Cause::XdpAttached,
            format!("an XDP program on {dev} in {ns} sees each frame first, and may drop it"),
            vec![format!("{ip} link set dev {dev} xdp off")],
        )
    } else if link.up && link.tun.as_ref().is_some_and(|tun| !tun.attached) {
        let text = format!(
            "{dev} in {ns} is a {} that no program has open: it has no carrier (NO-CARRIER), and nobody reads what is sent into it; start the program that is to hold it",
            if link.tun.as_ref().is_some_and(|tun| tun.tap) { "tap" } else { "tun" }
        );
        (Cause::TunWithoutReader, text, vec![])
    } else {
        return None;
    };
    let mut suspect = suspect(id, format!("{ns}: {dev}"), text, fix);
    suspect.evidence = vec![format!("{ip} -d link show {dev}")];
    let fit = if id == Cause::TunWithoutReader { Fit::Loose } else { Fit::Plain };
    let rank = evidence.tier_at(ns, link).with(fit);
    Some(Suspicion { rank, sure: false, suspect })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::LinkDown,
        title: "a link on the way is switched off",
        symptom: "`Network is unreachable` where the one who asks has it off, `Destination Host Unreachable` or silence where it is the other end or a bridge.",
        cause: "A new link is off, and so is one that was moved to another namespace. While a link is off, the routes through it are gone, and the other end of a veth has no carrier. A bridge and each of its ports have a switch of their own.",
        evidence: "`UP` in the brackets means switched on, `LOWER_UP` that the other end is as well, `NO-CARRIER` that it is not:\n  ip -n NS link show",
        cure: "Switch it on, each end and each bridge by itself:\n  ip -n NS link set DEV up",
    },
    Page {
        id: Cause::LoopbackDown,
        title: "lo is switched off, so that a namespace can't reach itself",
        symptom: "A namespace reaches others and not its own addresses, `localhost` among them.",
        cause: "Packets to an address of one's own go by lo, whichever interface has the address. In a new namespace lo is off.",
        evidence: "No `UP` in the brackets:\n  ip -n NS link show lo",
        cure: "Switch it on:\n  ip -n NS link set lo up",
    },
    Page {
        id: Cause::LinkProtodown,
        title: "a program holds a link down",
        symptom: "The link is UP and has no carrier.",
        cause: "`protodown on` takes the carrier away, whatever the other end says.",
        evidence: "Does it say `protodown on`?\n  ip -d link show DEV",
        cure: "Release it:\n  ip link set DEV protodown off",
    },
    Page {
        id: Cause::TunWithoutReader,
        title: "no program holds the tun or tap",
        symptom: "`Network is unreachable` or no answer: the interface is UP and has no carrier.",
        cause: "What is sent into a tun or tap goes to the program that has it open, such as a VPN or a virtual machine. Nobody has.",
        evidence: "NO-CARRIER among the flags:\n  ip -d link show tun0",
        cure: "Start the program, for instance:\n  openvpn --config client.conf",
    },
    Page {
        id: Cause::XdpAttached,
        title: "an XDP program sees the frames first",
        symptom: "Frames reach the interface, and nothing above sees them.",
        cause: "An XDP program may drop, redirect or change each frame before the kernel looks at it.",
        evidence: "Does it say `xdp`?\n  ip -d link show DEV",
        cure: "Detach it:\n  ip link set dev DEV xdp off",
    },
];
