//! Forwarding databases of bridges: wrong entries, and hardware addresses that two
//! interfaces have.

use super::Suspicion;
use super::bridge::at;
use super::page::Page;
use super::rank::Tier;
use crate::net::survey::{FdbEntry, Link, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;

/// Suspects static, sticky and permanent entries that send frames to the wrong port.
pub(super) fn entries(evidence: &Evidence, space: &Space, bridge: &Link) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for end in evidence.stations() {
        let Some(right) = evidence.ground.port_to(space, bridge, end) else { continue };
        let is_wrong = |entry: &&FdbEntry| {
            let fixed =
                entry.sticky || entry.extern_learn || matches!(entry.state.as_str(), "static" | "permanent");
            entry.master == Some(bridge.index)
                && entry.mac == end.link.mac
                && fixed
                && (entry.index != right.index || entry.state == "permanent")
        };
        for entry in space.fdb.iter().filter(is_wrong) {
            // The kernel itself adds permanent entries for the addresses of the bridge
            // and its ports.
            let owner = space.link_at(entry.index);
            if owner.is_some_and(|owner| owner.mac == entry.mac) || bridge.mac == entry.mac {
                continue;
            }
            let what = match entry.state.as_str() {
                "permanent" => format!(
                    "as permanent on {}, so {} takes frames for it as its own in place of passing them on (static was meant)",
                    entry.dev, bridge.name
                ),
                state => format!(
                    "as {state}{} behind {}, but it is behind {}",
                    if entry.sticky { " and sticky" } else { "" },
                    entry.dev,
                    right.name
                ),
            };
            let whose = if entry.index == bridge.index { "self" } else { "master" };
            let vlan = entry.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
            let text = format!(
                "the forwarding database (FDB) of {} in {} has {}'s hardware address {} {what}",
                bridge.name, space.name, end.space.name, entry.mac
            );
            let tool = evidence.tool("bridge", &space.name);
            let fix = vec![format!(
                "{tool} fdb del {} dev {} {whose}{vlan}",
                evidence.mac_words(&entry.mac),
                entry.dev
            )];
            let mut one = at(evidence, Cause::BridgeFdbWrong, space, bridge, text, fix);
            one.suspect.evidence = vec![format!("{tool} fdb show br {}", bridge.name)];
            one.rank = one.rank.tier.close();
            found.push(one);
        }
    }
    found
}

/// Suspects hardware addresses that two interfaces on one bridge have.
pub(super) fn same_mac(evidence: &Evidence, space: &Space, bridge: &Link) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let stations = evidence.stations();
    let own: Vec<&Link> = space
        .links
        .iter()
        .filter(|link| link.index == bridge.index || link.master == Some(bridge.index))
        .collect();
    for (number, end) in stations.iter().enumerate() {
        if evidence.ground.port_to(space, bridge, *end).is_none() || end.link.mac.is_empty() {
            continue;
        }
        let same: Vec<&&Link> = own.iter().filter(|link| link.mac == end.link.mac).collect();
        if let Some(first) = same.first() {
            let names: Vec<&str> = same.iter().map(|link| link.name.as_str()).collect();
            let text = format!(
                "{} in {} {} the same hardware address {} as {}'s {}: the bridge takes frames for {} as its own",
                names.join(" and "),
                space.name,
                if names.len() == 1 { "has" } else { "have" },
                end.link.mac,
                end.space.name,
                end.link.name,
                end.space.name
            );
            let mut fix: Vec<String> = Vec::new();
            let ports = same.iter().filter(|link| link.index != bridge.index);
            for (n, port) in ports.enumerate() {
                let mac = evidence.free_mac();
                let mac = format!("{}{:x}", &mac[..mac.len() - 1], n % 14);
                fix.push(format!("{} link set {} address {mac}", evidence.ip(&space.name), port.name));
            }
            if bridge.mac == end.link.mac {
                fix.push(format!(
                    "{} link set {} address {}",
                    evidence.ip(&space.name),
                    bridge.name,
                    evidence.free_mac()
                ));
            }
            let mut one = at(evidence, Cause::DuplicateMac, space, first, text, fix);
            one.rank = Tier::Named.exact();
            one.suspect.evidence = vec![format!("{} -br link", evidence.ip(&space.name))];
            found.push(one);
        }
        for other in evidence.ground.neighbours(&end.space.name, end.link) {
            let later = stations.iter().position(|known| known.port() == other.port());
            if other.link.mac != end.link.mac
                || evidence.ground.port_to(space, bridge, other).is_none()
                || later.is_some_and(|later| later < number)
            {
                continue;
            }
            let text = format!(
                "{}'s {} and {}'s {} have the same hardware address {} on one wire: {} in {} learns it now here, now there, and sends frames to the wrong one or back where they came from",
                end.space.name,
                end.link.name,
                other.space.name,
                other.link.name,
                end.link.mac,
                bridge.name,
                space.name
            );
            let fix = vec![format!(
                "{} link set {} address {}",
                evidence.ip(&other.space.name),
                other.link.name,
                evidence.free_mac()
            )];
            let mut one = at(evidence, Cause::DuplicateMac, other.space, other.link, text, fix);
            // Misdirected frames often look like the fault of something else.
            one.rank = if one.rank.tier >= Tier::Here { Tier::Named.close() } else { Tier::Here.plain() };
            one.suspect.evidence = vec![format!("{} -br link", evidence.ip(&other.space.name))];
            found.push(one);
        }
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::BridgeFdbWrong,
        title: "the forwarding database sends frames to the wrong port",
        symptom: "The question who has the address is answered, but the packet goes elsewhere.",
        cause: "A static, sticky or permanent entry is not relearned. A permanent one means an address of the bridge itself, whose frames stay there.",
        evidence: "Behind which port is the station's hardware address?\n  bridge fdb show br br0",
        cure: "Delete the entry; the bridge learns the right one:\n  bridge fdb del MAC dev p-green master",
    },
    Page {
        id: Cause::DuplicateMac,
        title: "two interfaces on one wire have the same hardware address",
        symptom: "ARP works, yet packets or answers vanish.",
        cause: "A bridge sends frames to where it saw their hardware address last, never back out of the port they came from; and frames for its own address it keeps.",
        evidence: "Does an address occur twice?\n  ip -br link\n  ip -n NS -br link",
        cure: "Give one of them another:\n  ip -n NS link set eth0 address 02:00:00:00:00:02",
    },
];
