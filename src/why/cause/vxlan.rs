//! VXLANs: two ends that differ, that don't know each other, or whose outer packets do
//! not arrive.

use super::page::Page;
use super::rank::Tier;
use super::tunnel::{Tunnel, pairs, tunnels};
use super::vxlan_routed::{entry_missing, into_itself, is_translated, neighbour};
use super::{Suspicion, suspects, vxlan_outer};
use crate::event::Probe;
use crate::net::survey::{RouteQuestion, Survey, Vxlan};
use crate::why::Cause;
use crate::why::command::ruling::{Of, Ruling};
use crate::why::command::say::{nodad, show};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::Ground;
use std::net::IpAddr;

/// Suspects VXLANs.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let pairs = pairs(evidence);
    if pairs.is_empty() {
        return found;
    }
    let bare = without_tunnels(evidence.survey);
    let under = Ground::of(&bare);
    for (near, far) in pairs {
        let differ = differs(evidence, near, far);
        let fine = differ.is_empty();
        found.extend(differ);
        for (a, b) in [(near, far), (far, near)] {
            found.extend(source(evidence, a));
            found.extend(into_itself(evidence, a));
            found.extend(wrong_link(evidence, a, b));
            found.extend(towards(evidence, a, b));
            found.extend(stations(evidence, a, b));
            found.extend(vxlan_outer::short_lived(evidence, &under, a, b));
            found.extend(answers_itself(evidence, a));
        }
        found.extend(vxlan_outer::too_small(evidence, &under, near, far));
        if fine && found.is_empty() {
            found.extend(below(evidence, &bare, near, far));
        }
    }
    found
}

/// Returns a network without its VXLANs: the outer network.
fn without_tunnels(survey: &Survey) -> Survey {
    let mut bare = survey.clone();
    for space in &mut bare.spaces {
        let tunnels: Vec<u32> =
            space.links.iter().filter(|link| link.vxlan.is_some()).map(|link| link.index).collect();
        space.links.retain(|link| !tunnels.contains(&link.index));
        space.addrs.retain(|addr| !tunnels.contains(&addr.index));
        space.neighs.retain(|entry| !tunnels.contains(&entry.index));
        space.routes.retain(|route| !route.hops.iter().any(|hop| tunnels.contains(&hop.index)));
    }
    bare
}

/// Suspects parameters that both ends must have in common.
fn differs<'a>(evidence: &Evidence<'a>, near: Tunnel<'a>, far: Tunnel<'a>) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let all = tunnels(evidence);
    // The end in the minority is the odd one; if both count the same, it is the far end.
    let odd = |like: &dyn Fn(&Vxlan, &Vxlan) -> bool| {
        let count = |one: &Tunnel| all.iter().filter(|other| like(one.of, other.of)).count();
        if count(&near) < count(&far) { (near, far) } else { (far, near) }
    };
    if near.of.external != far.of.external {
        let (odd, right) = if near.of.external { (near, far) } else { (far, near) };
        let text = format!(
            "{} is in mode `external`: it belongs to no network by itself, each packet has to be told its own by a route or a filter, and none is; {} has the identifier (VNI) {}",
            odd.name(),
            right.name(),
            right.of.id
        );
        let new = Vxlan {
            id: right.of.id,
            port: right.of.port,
            external: false,
            learning: true,
            remote: right.address(evidence, odd),
            ..odd.of.clone()
        };
        let mut fix = odd.again(evidence, &new);
        // ARP requests have come through, so the neighbour entry holds the old hardware
        // address.
        fix.push(format!("{} neigh flush dev {}", evidence.ip(&right.space.name), right.link.name));
        let mut one = odd.suspect(evidence, Cause::VxlanVniMismatch, text, fix);
        one.rank = one.rank.tier.close();
        found.push(one);
    } else if near.of.id != far.of.id {
        let (odd, right) = odd(&|a, b| a.id == b.id);
        let ports = match near.of.port == far.of.port {
            true => String::new(),
            false => format!("; they have different ports, too: {} and {}", near.of.port, far.of.port),
        };
        let text = format!(
            "the two ends of the VXLAN have different network identifiers (VNI): {} has {}, {} has {}{ports}",
            near.name(),
            near.of.id,
            far.name(),
            far.of.id
        );
        // Creating the end again corrects both the VNI and the port.
        let new = Vxlan { id: right.of.id, port: right.of.port, ..odd.of.clone() };
        let mut one = odd.suspect(evidence, Cause::VxlanVniMismatch, text, odd.again(evidence, &new));
        one.rank = one.rank.tier.close();
        found.push(one);
    } else if near.of.port != far.of.port {
        let (mut odd, mut right) = odd(&|a, b| a.port == b.port);
        // If there are two, the port that a firewall accepts was meant, or else the standard one.
        let accepted = is_accepted(evidence, odd.of.port).then_some(odd.of.port);
        let accepted = accepted.or(is_accepted(evidence, right.of.port).then_some(right.of.port));
        if all.len() == 2 && odd.of.port == accepted.unwrap_or(4789) {
            (odd, right) = (right, odd);
        }
        let text = format!(
            "the two ends of the VXLAN have different UDP ports: {} has dstport {}, {} has {}{}",
            near.name(),
            near.of.port,
            far.name(),
            far.of.port,
            if [near.of.port, far.of.port].contains(&8472) {
                " (8472 is Linux's old default, 4789 the standard's)"
            } else {
                ""
            }
        );
        let new = Vxlan { port: right.of.port, ..odd.of.clone() };
        let text = match accepted {
            Some(port) => format!("{text}; a firewall rule on the way accepts {port}"),
            None => text,
        };
        let mut one = odd.suspect(evidence, Cause::VxlanPortMismatch, text, odd.again(evidence, &new));
        // The firewall that stops packets to the wrong port is right.
        one.rank = if accepted.is_some() { Tier::Named.exact() } else { one.rank.tier.close() };
        found.push(one);
    } else if (near.of.gbp, near.of.gpe) != (far.of.gbp, far.of.gpe) {
        let (odd, right) = odd(&|a, b| (a.gbp, a.gpe) == (b.gbp, b.gpe));
        let text = format!(
            "only one end of the VXLAN has an extension that both must have (gbp or gpe): {} and {} differ",
            near.name(),
            far.name()
        );
        let new = Vxlan { gbp: right.of.gbp, gpe: right.of.gpe, ..odd.of.clone() };
        found.push(odd.suspect(evidence, Cause::VxlanExtensionMismatch, text, odd.again(evidence, &new)));
    }
    found
}

/// Tells whether a firewall accepts packets to a UDP port.
fn is_accepted(evidence: &Evidence, port: u16) -> bool {
    let rules = evidence.shot.walls.iter().flat_map(|wall| &wall.after.rules);
    let mut accepting = rules.filter(|rule| !rule.policy && rule.target.eq_ignore_ascii_case("accept"));
    accepting.any(|rule| {
        let clauses = Ruling::of(rule).clauses;
        clauses.iter().any(|clause| clause.of == Of::Dport && !clause.not && clause.value == port.to_string())
    })
}

/// Suspects an end that sends by a link that does not lead to the other end.
fn wrong_link<'a>(evidence: &Evidence<'a>, end: Tunnel<'a>, other: Tunnel<'a>) -> Option<Suspicion> {
    let below = end.underlay(evidence)?;
    let link = below.link_at(end.of.dev?)?;
    let to = end.of.remote.filter(|ip| !ip.is_multicast()).or_else(|| other.address(evidence, end))?;
    let way = evidence.kernel.route_get(&below.name, &RouteQuestion::to(to)).ok()?;
    let right = below.link(way.dev()?).filter(|right| right.index != link.index && !right.loopback)?;
    let ends = evidence.ground.neighbours(&below.name, link);
    if ends.iter().any(|end| end.space.addrs.iter().any(|addr| addr.ip == to)) {
        return None;
    }
    let text = format!(
        "{} sends its packets by {}, where the other end's {to} is not: the way there is by {}",
        end.name(),
        link.name,
        right.name
    );
    let new = Vxlan { dev: Some(right.index), ..end.of.clone() };
    Some(end.suspect(evidence, Cause::VxlanRemoteWrong, text, end.again(evidence, &new)))
}

/// Suspects an end whose `local` address its namespace does not have.
fn source<'a>(evidence: &Evidence<'a>, end: Tunnel<'a>) -> Option<Suspicion> {
    let local = end.of.local?;
    let space = end.underlay(evidence)?;
    if space.addrs.iter().any(|addr| addr.ip == local) {
        return None;
    }
    let right = space
        .addrs
        .iter()
        .filter(|addr| {
            addr.ip.is_ipv4() == local.is_ipv4() && addr.index != end.link.index && addr.scope == "global"
        })
        .min_by_key(|addr| {
            (
                end.of.dev != Some(addr.index),
                strsim::damerau_levenshtein(&addr.ip.to_string(), &local.to_string()),
            )
        })?;
    // If the other end sends there as well, the address is the slip.
    let named = |other: &Tunnel| {
        let to_it =
            other.space.fdb.iter().any(|entry| entry.index == other.link.index && entry.dst == Some(local));
        other.space.name != end.space.name && (to_it || other.of.remote == Some(local))
    };
    if let Some(other) = tunnels(evidence).iter().find(|other| named(other)) {
        let text = format!(
            "{} sends from {local} (local), and {} sends to it, but {} has {} on {}",
            end.name(),
            other.name(),
            space.name,
            show(right),
            right.dev
        );
        let ip = evidence.ip(&space.name);
        let fix = vec![
            format!("{ip} addr del {} dev {}", show(right), right.dev),
            format!("{ip} addr add {local}/{} dev {}{}", right.prefix_len, right.dev, nodad(local)),
        ];
        let mut one = end.suspect(evidence, Cause::AddressTypo, text, fix);
        one.suspect.place = format!("{}: {}", space.name, right.dev);
        one.rank = Tier::Named.exact();
        return Some(one);
    }
    let text = format!(
        "{} sends from {local} (local), which {} does not have: it has {}",
        end.name(),
        space.name,
        right.ip
    );
    let fix = vec![format!(
        "{} link set {} type vxlan id {} local {}",
        evidence.ip(&end.space.name),
        end.link.name,
        end.of.id,
        right.ip
    )];
    let mut one = end.suspect(evidence, Cause::VxlanLocalMissing, text, fix);
    one.rank = one.rank.tier.plain();
    Some(one)
}

/// Suspects an end that does not know the other end's address.
fn towards<'a>(evidence: &Evidence<'a>, end: Tunnel<'a>, other: Tunnel<'a>) -> Option<Suspicion> {
    if end.of.external {
        return None;
    }
    let right = other.address(evidence, end)?;
    if let Some(known) = neighbour(end, other) {
        return entry_missing(evidence, end, other, known, right);
    }
    let theirs = other.underlay(evidence)?;
    let leads = |ip: IpAddr| theirs.addrs.iter().any(|addr| addr.ip == ip);
    let flood = end.flood();
    let group = end.of.remote.filter(|ip| ip.is_multicast());
    if let Some(group) = group {
        let others = other.of.remote.filter(|ip| ip.is_multicast() && *ip != group)?;
        let text = format!(
            "the two ends of the VXLAN have different multicast groups: {} has {group}, {} has {others}",
            end.name(),
            other.name()
        );
        let new = Vxlan { remote: Some(others), ..end.of.clone() };
        return Some(end.suspect(evidence, Cause::VxlanRemoteWrong, text, end.again(evidence, &new)));
    }
    if flood.iter().any(|entry| entry.dst.is_some_and(leads)) {
        return None;
    }
    let (tool, dev) = (evidence.tool("bridge", &end.space.name), &end.link.name);
    let wrong = flood.iter().min_by_key(|entry| {
        let text = entry.dst.map(|dst| dst.to_string()).unwrap_or_default();
        strsim::damerau_levenshtein(&text, &right.to_string())
    });
    // A router may hand on what comes for its own address.
    if wrong.and_then(|wrong| wrong.dst).is_some_and(|ip| is_translated(evidence, ip, end.of.port)) {
        return None;
    }
    // One of many remotes may be right for another tunnel.
    let known = |ip: IpAddr| !evidence.ground.owners(ip).is_empty();
    match wrong.and_then(|wrong| wrong.dst) {
        Some(wrong) if end.of.remote == Some(wrong) && (flood.len() == 1 || !known(wrong)) => {
            let text = format!(
                "{} sends to {wrong} (remote), where {} is not: {} has {right}",
                end.name(),
                other.name(),
                theirs.name
            );
            let fix = vec![format!(
                "{} link set {dev} type vxlan id {} remote {right}",
                evidence.ip(&end.space.name),
                end.of.id
            )];
            Some(end.suspect(evidence, Cause::VxlanRemoteWrong, text, fix))
        }
        Some(wrong) if !known(wrong) => {
            let text =
                format!("{} floods to {wrong}, which nobody has; {} is at {right}", end.name(), other.name());
            let fix = vec![
                format!("{tool} fdb append 00:00:00:00:00:00 dev {dev} dst {right}"),
                format!("{tool} fdb del 00:00:00:00:00:00 dev {dev} dst {wrong}"),
            ];
            Some(end.suspect(evidence, Cause::VxlanRemoteWrong, text, fix))
        }
        _ => {
            let (mut fix, mut names) = (Vec::new(), vec![end.name()]);
            fix.push(format!("{tool} fdb append 00:00:00:00:00:00 dev {dev} dst {right}"));
            // If both ends lack the entry, that is one omission.
            if let Some(back) =
                end.address(evidence, other).filter(|_| other.flood().is_empty() && other.of.remote.is_none())
            {
                let tool = evidence.tool("bridge", &other.space.name);
                fix.push(format!("{tool} fdb append 00:00:00:00:00:00 dev {} dst {back}", other.link.name));
                names.push(other.name());
            }
            let text = format!(
                "{} {} no remote and no FDB entry 00:00:00:00:00:00 for the other end: broadcasts (ARP questions) and frames for unknown addresses go nowhere",
                names.join(" and "),
                if names.len() == 1 { "has" } else { "have" },
            );
            Some(end.suspect(evidence, Cause::VxlanFdbMissing, text, fix))
        }
    }
}

/// Suspects FDB entries for the other end's stations that lead elsewhere.
fn stations<'a>(evidence: &Evidence<'a>, end: Tunnel<'a>, other: Tunnel<'a>) -> Vec<Suspicion> {
    let Some(theirs) = other.underlay(evidence) else { return Vec::new() };
    let leads = |ip: IpAddr| theirs.addrs.iter().any(|addr| addr.ip == ip);
    let macs: Vec<&str> = std::iter::once(other.link)
        .chain(
            evidence
                .stations()
                .into_iter()
                .filter(|station| {
                    station.space.name == other.space.name || station.space.name != end.space.name
                })
                .map(|station| station.link),
        )
        .map(|link| link.mac.as_str())
        .collect();
    let (tool, dev) = (evidence.tool("bridge", &end.space.name), &end.link.name);
    let wrong = end.space.fdb.iter().filter(|entry| {
        entry.index == end.link.index
            && entry.master.is_none()
            && matches!(entry.state.as_str(), "permanent" | "static")
            && macs.contains(&entry.mac.as_str())
            && entry.dst.is_some_and(|dst| !leads(dst))
    });
    wrong
        .filter_map(|entry| {
            let (dst, right) = (entry.dst?, other.address(evidence, end)?);
            let text = format!(
                "the FDB of {} sends frames for {} to {dst}, but it is behind {} at {right}",
                end.name(),
                entry.mac,
                other.name()
            );
            let mac = evidence.mac_words(&entry.mac);
            let fix = vec![format!("{tool} fdb replace {mac} dev {dev} dst {right}")];
            Some(end.suspect(evidence, Cause::VxlanFdbWrong, text, fix))
        })
        .collect()
}

/// Suspects an end with `proxy` and no permanent neighbour entry: it answers no ARP
/// request.
fn answers_itself<'a>(evidence: &Evidence<'a>, end: Tunnel<'a>) -> Option<Suspicion> {
    let knows =
        end.space.neighs.iter().any(|entry| entry.index == end.link.index && entry.state == "PERMANENT");
    if !end.of.proxy || knows {
        return None;
    }
    let text = format!(
        "{} was made with `proxy`: it answers ARP questions itself out of its neighbour table, which is empty, and passes none on",
        end.name()
    );
    let new = Vxlan { proxy: false, ..end.of.clone() };
    Some(end.suspect(evidence, Cause::VxlanProxy, text, end.again(evidence, &new)))
}

/// Suspects the outer network, by a probe of its own between the two ends.
fn below<'a>(evidence: &Evidence<'a>, bare: &Survey, near: Tunnel<'a>, far: Tunnel<'a>) -> Vec<Suspicion> {
    // If the other end has no address, the probe goes to the configured remote.
    let remote = near.of.remote.filter(|ip| !ip.is_multicast());
    let to = match remote.filter(|ip| is_translated(evidence, *ip, near.of.port)) {
        Some(remote) => Some(remote),
        None => far.address(evidence, near).or(remote),
    };
    let (Some(from), Some(to)) = (near.underlay(evidence), to) else { return Vec::new() };
    // The probe is itself for the outer network: one level of tunnels is enough.
    if evidence.probe.to == to.to_string() {
        return Vec::new();
    }
    let probe = Probe { from: from.name.clone(), to: to.to_string(), ..Probe::default() };
    let Some(shot) = evidence.kernel.shoot(&probe, evidence.survey) else { return Vec::new() };
    if shot.reached {
        return Vec::new();
    }
    let evidence = Evidence::new(evidence.kernel, bare, evidence.lab_commands, &probe, &shot);
    let mut found = suspects(&evidence);
    for one in &mut found {
        one.suspect.text = format!(
            "{} can't reach {} at {to}, below the VXLAN: {}",
            near.name(),
            far.name(),
            one.suspect.text
        );
        one.rank = one.rank.min(Tier::Named.loose());
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::VxlanVniMismatch,
        title: "the two ends of a VXLAN have different numbers",
        symptom: "`Destination Host Unreachable`: outer packets arrive, inner ones do not.",
        cause: "A VXLAN takes only packets of its own network identifier (VNI).",
        evidence: "The number behind `vxlan id`, at both ends:\n  ip -n NS -d link show vx0",
        cure: "Make one end again, since a number can't be changed:\n  ip -n NS link del vx0\n  ip -n NS link add vx0 type vxlan id 42 dstport 4789 remote ADDR dev eth0",
    },
    Page {
        id: Cause::VxlanPortMismatch,
        title: "the two ends of a VXLAN have different UDP ports",
        symptom: "`Destination Host Unreachable`: outer packets arrive at a port where nobody listens.",
        cause: "Linux's own default is 8472, the standard's is 4789; `dstport` says it.",
        evidence: "The number behind `dstport`, at both ends:\n  ip -n NS -d link show vx0\n  ip netns exec NS ss -uln",
        cure: "Make one end again, since a port can't be changed:\n  ip -n NS link del vx0\n  ip -n NS link add vx0 type vxlan id 42 dstport 4789 remote ADDR dev eth0",
    },
    Page {
        id: Cause::VxlanExtensionMismatch,
        title: "only one end of a VXLAN has an extension",
        symptom: "`Destination Host Unreachable`: outer packets arrive, and are dropped.",
        cause: "`gbp` and `gpe` change the header, so both ends must have them.",
        evidence: "Compare both ends:\n  ip -n NS -d link show vx0",
        cure: "Make one end again like the other:\n  ip -n NS link del vx0\n  ip -n NS link add vx0 type vxlan id 42 dstport 4789 remote ADDR gbp",
    },
    Page {
        id: Cause::VxlanLocalMissing,
        title: "a VXLAN sends from an address that is not there",
        symptom: "`Destination Host Unreachable`: no outer packet leaves.",
        cause: "`local` names an address that the namespace does not have.",
        evidence: "Compare `local` with the addresses:\n  ip -n NS -d link show vx0\n  ip -n NS -br addr",
        cure: "Name one that is there:\n  ip -n NS link set vx0 type vxlan id 42 local ADDR",
    },
    Page {
        id: Cause::VxlanRemoteWrong,
        title: "a VXLAN sends to where the other end is not",
        symptom: "`Destination Host Unreachable`: outer packets go to another address.",
        cause: "`remote`, the group, or the FDB entry of all zeroes names another address than the other end's.",
        evidence: "Where does it send to?\n  ip -n NS -d link show vx0\n  bridge -n NS fdb show dev vx0",
        cure: "Name the right one:\n  ip -n NS link set vx0 type vxlan id 42 remote ADDR",
    },
    Page {
        id: Cause::VxlanFdbMissing,
        title: "a VXLAN knows nobody to flood to",
        symptom: "`Destination Host Unreachable`: ARP questions go into the VXLAN, and no outer packet comes out.",
        cause: "Without `remote`, group, or an FDB entry of all zeroes, broadcasts go nowhere.",
        evidence: "Is there an entry 00:00:00:00:00:00?\n  bridge -n NS fdb show dev vx0",
        cure: "Add it, at both ends:\n  bridge -n NS fdb append 00:00:00:00:00:00 dev vx0 dst ADDR",
    },
    Page {
        id: Cause::VxlanFdbWrong,
        title: "a VXLAN sends a station's frames to the wrong end",
        symptom: "ARP works, and the packet itself goes to another address.",
        cause: "A permanent FDB entry for the station's hardware address names the wrong end.",
        evidence: "Where does its entry lead?\n  bridge -n NS fdb show dev vx0",
        cure: "Correct it:\n  bridge -n NS fdb replace MAC dev vx0 dst ADDR",
    },
    Page {
        id: Cause::VxlanProxy,
        title: "a VXLAN answers ARP itself, and knows nobody",
        symptom: "`Destination Host Unreachable`: ARP questions go into the VXLAN, and no outer packet comes out.",
        cause: "With `proxy` it answers out of its neighbour table, which somebody must fill, and passes no question on.",
        evidence: "Does it say `proxy`, and what does it know?\n  ip -n NS -d link show vx0\n  ip -n NS neigh show dev vx0",
        cure: "Make it again without, or fill the table:\n  ip -n NS neigh replace ADDR lladdr MAC nud permanent dev vx0",
    },
];
