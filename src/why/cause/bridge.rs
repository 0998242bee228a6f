//! Bridges: ports that drop frames, hold them back, or send them to the wrong place.

use super::fdb;
use super::page::Page;
use super::rank::Tier;
use super::ring::ring;
use super::{Suspicion, suspect};
use crate::net::survey::{BridgePort, Link, LinkKind, Space};
use crate::net::{Backend, typed};
use crate::why::Cause;
use crate::why::evidence::Evidence;

/// Suspects bridges and their ports.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let way = evidence.links_on_the_way();
    for (space, bridge) in bridges(evidence) {
        let is_port = |link: &Link| link.master == Some(bridge.index);
        let ports: Vec<&Link> = way
            .iter()
            .filter(|(at, link)| at.name == space.name && is_port(link))
            .map(|(_, link)| *link)
            .collect();
        if ports.is_empty() {
            continue;
        }
        for port in &ports {
            let Some(state) = &port.port else { continue };
            found.extend(not_forwarding(evidence, space, bridge, port, state));
            found.extend(silent(evidence, space, port, state));
            found.extend(locked(evidence, space, port, state));
        }
        found.extend(isolated(evidence, space, &ports));
        found.extend(fdb::entries(evidence, space, bridge));
        found.extend(fdb::same_mac(evidence, space, bridge));
        found.extend(through_the_firewall(evidence, space, bridge));
    }
    found
}

/// Returns all bridges, each with its namespace.
pub(super) fn bridges<'a>(evidence: &Evidence<'a>) -> Vec<(&'a Space, &'a Link)> {
    let all = evidence.survey.spaces.iter();
    let bridges = all.flat_map(|space| {
        space.links.iter().filter(|link| link.kind == LinkKind::Bridge).map(move |link| (space, link))
    });
    bridges.collect()
}

pub(super) fn at(
    evidence: &Evidence,
    id: Cause,
    space: &Space,
    link: &Link,
    text: String,
    fix: Vec<String>,
) -> Suspicion {
    let mut suspect = suspect(id, format!("{}: {}", space.name, link.name), text, fix);
    suspect.evidence = vec![format!("{} -d link show {}", evidence.tool("bridge", &space.name), link.name)];
    Suspicion { rank: evidence.tier_at(&space.name, link).plain(), sure: false, suspect }
}

/// Returns the ports of a bridge that are in the spanning tree's listening or learning
/// state.
fn waiting<'a>(space: &'a Space, bridge: &Link) -> Vec<&'a Link> {
    let waits = |link: &&Link| {
        let state = link.port.as_ref().map(|port| port.state.as_str());
        link.up && link.master == Some(bridge.index) && matches!(state, Some("listening" | "learning"))
    };
    space.links.iter().filter(waits).collect()
}

/// Suspects a port that is not, or not yet, forwarding.
fn not_forwarding(
    evidence: &Evidence,
    space: &Space,
    bridge: &Link,
    port: &Link,
    state: &BridgePort,
) -> Option<Suspicion> {
    if state.state == "forwarding" || !port.up || !bridge.up {
        return None;
    }
    let set = format!("{} link set dev {} state 3", evidence.tool("bridge", &space.name), port.name);
    let stp = bridge.bridge.as_ref().filter(|bridge| bridge.stp);
    let (id, why, mut fix) = match stp {
        Some(of) if state.state != "disabled" => {
            let (delay, text) = (f64::from(of.forward_delay) / 100.0, &state.state);
            let breaks_ring = ring(evidence, true).is_some_and(|ring| ring.has(space, bridge));
            if breaks_ring && text == "blocking" {
                return None;
            }
            let why = match text.as_str() {
                "blocking" => "STP blocks it, since there is another way or its bridge fears a loop".into(),
                _ => format!(
                    "STP makes a new port listen and learn for twice its forward delay of {delay} s before it forwards"
                ),
            };
            let waiting = waiting(space, bridge);
            if breaks_ring {
                return Some(shorter_delay(evidence, space, bridge, &why));
            }
            let why = format!("{why}; its cables form no ring, so that it can do without STP");
            let off =
                format!("{} link set {} type bridge stp_state 0", evidence.ip(&space.name), bridge.name);
            let names: Vec<&str> = waiting.iter().map(|port| port.name.as_str()).collect();
            let mut fix = vec![off];
            let tool = evidence.tool("bridge", &space.name);
            fix.extend(names.iter().map(|name| format!("{tool} link set dev {name} state 3")));
            if names.len() > 1 {
                let text = format!(
                    "{}, ports of {} in {}, are in state {}: {why}",
                    names.join(" and "),
                    bridge.name,
                    space.name,
                    state.state
                );
                // All waiting ports share one suspect.
                let first = waiting.first().copied().unwrap_or(port);
                let mut found = at(evidence, Cause::BridgeStpDelay, space, first, text, fix);
                found.rank = evidence.tier_at(&space.name, port).close();
                return Some(found);
            }
            (Cause::BridgeStpDelay, why, fix[..1].to_vec())
        }
        _ => (Cause::BridgePortState, "it passes no frame in either direction".to_string(), Vec::new()),
    };
    fix.push(set);
    let text = format!(
        "{}, a port of {} in {}, is in state {}: {why}",
        port.name, bridge.name, space.name, state.state
    );
    let mut found = at(evidence, id, space, port, text, fix);
    found.rank = found.rank.tier.close();
    Some(found)
}

/// Suspects ports that wait in a ring, which needs its spanning tree: a shorter delay, and a new
/// beginning.
fn shorter_delay(evidence: &Evidence, space: &Space, bridge: &Link, why: &str) -> Suspicion {
    let all = bridges(evidence);
    let waiting: Vec<(&Space, &Link, Vec<&Link>)> =
        all.into_iter().map(|(space, bridge)| (space, bridge, waiting(space, bridge))).collect();
    let waiting = waiting.iter().filter(|(_, _, ports)| !ports.is_empty());
    let text = format!(
        "ports of {} in {} are listening or learning: {why}; this bridge is part of a ring, which STP has to break, so wait, or make the delay shorter",
        bridge.name, space.name
    );
    let set = |state: &'static str| {
        waiting.clone().flat_map(move |(space, _, ports)| {
            ports
                .iter()
                .map(move |port| format!("{} link set {} {state}", evidence.ip(&space.name), port.name))
        })
    };
    let delays = waiting.clone().map(|(space, bridge, _)| {
        format!("{} link set {} type bridge forward_delay 200", evidence.ip(&space.name), bridge.name)
    });
    // Listening and learning take one delay each, after the bridges have found their root.
    let fix = delays.chain(set("down")).chain(set("up")).chain(["sleep 6".to_string()]).collect();
    let mut found = at(evidence, Cause::BridgeStpDelay, space, bridge, text, fix);
    found.rank = Tier::Named.close();
    found
}

/// Suspects a port to which the bridge does not flood frames.
fn silent(evidence: &Evidence, space: &Space, port: &Link, state: &BridgePort) -> Option<Suspicion> {
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let mut off = Vec::new();
    let mut why = Vec::new();
    if !state.learning && !state.flood {
        off.push("learning");
        why.push("it never learns who is behind it (learning off)");
    }
    if !state.flood {
        off.push("flood");
        why.push(
            "frames for hardware addresses that the bridge does not know are not flooded to it (flood off)",
        );
    }
    if !state.bcast_flood {
        off.push("bcast_flood");
        why.push("broadcasts, such as ARP questions, are not flooded to it (bcast_flood off)");
    }
    if !state.mcast_flood && v6 {
        off.push("mcast_flood");
        why.push(
            "multicasts, such as IPv6's neighbour solicitations, are not flooded to it (mcast_flood off)",
        );
    }
    if off.is_empty() {
        return None;
    }
    let words: Vec<String> = off.iter().map(|word| format!("{word} on")).collect();
    let fix = vec![format!(
        "{} link set dev {} {}",
        evidence.tool("bridge", &space.name),
        port.name,
        words.join(" ")
    )];
    let text = format!("bridge port {} in {}: {}", port.name, space.name, why.join(", and "));
    let mut found = at(evidence, Cause::BridgePortFloodOff, space, port, text, fix);
    found.rank = found.rank.tier.close();
    Some(found)
}

/// Suspects a locked port, which takes frames from known senders only.
fn locked(evidence: &Evidence, space: &Space, port: &Link, state: &BridgePort) -> Option<Suspicion> {
    if !state.locked {
        return None;
    }
    let fix = vec![format!("{} link set dev {} locked off", evidence.tool("bridge", &space.name), port.name)];
    let text = format!(
        "bridge port {} in {} is locked: it drops frames from every hardware address that the forwarding database does not hold at it",
        port.name, space.name
    );
    let mut found = at(evidence, Cause::BridgePortLocked, space, port, text, fix);
    found.rank = found.rank.tier.close();
    Some(found)
}

/// Suspects two isolated ports, which do not reach each other.
fn isolated(evidence: &Evidence, space: &Space, ports: &[&Link]) -> Option<Suspicion> {
    let apart: Vec<&&Link> =
        ports.iter().filter(|link| link.port.as_ref().is_some_and(|port| port.isolated)).collect();
    let [first, .., last] = apart[..] else { return None };
    let text = format!(
        "the bridge ports {} and {} in {} are both isolated: isolated ports reach only ports that are not",
        first.name, last.name, space.name
    );
    let fix =
        vec![format!("{} link set dev {} isolated off", evidence.tool("bridge", &space.name), last.name)];
    let mut found = at(evidence, Cause::BridgePortIsolated, space, last, text, fix);
    found.rank = found.rank.tier.close();
    Some(found)
}

/// Suspects br_netfilter, by which iptables judges bridged frames as if they were routed.
fn through_the_firewall(evidence: &Evidence, space: &Space, bridge: &Link) -> Option<Suspicion> {
    let wall = evidence.shot.walls.iter().find(|wall| wall.netns == space.name)?;
    let culprits = wall.culprits();
    let culprit = culprits.iter().find(|culprit| {
        let hook = culprit.hook.as_deref().unwrap_or(&culprit.chain).to_lowercase();
        let forward = hook.contains("forward") || culprit.hook.is_none();
        forward
            && matches!(culprit.family.as_str(), "ip" | "ip6" | "inet" | "arp")
            && !culprit.spec.contains("physdev")
    })?;
    // The frame came in by a port of this bridge, and its receiver is behind one: it is
    // not to be routed here.
    let (_, last) = evidence.stuck.link(evidence.survey)?;
    let bridged = evidence.stuck.ns == space.name && last.master == Some(bridge.index);
    let to = evidence.shot.sightings.iter().rfind(|seen| {
        seen.netns == space.name && seen.index == last.index && !seen.out && seen.macs.is_some()
    })?;
    let (_, to) = to.macs.as_ref()?;
    let through = evidence
        .ground
        .ends()
        .any(|end| end.link.mac == *to && evidence.ground.port_to(space, bridge, end).is_some());
    if !bridged || !through || bridge.mac == *to {
        return None;
    }
    let (tool, option) = match culprit.family.as_str() {
        "arp" => ("arptables", "nf_call_arptables"),
        "ip6" => ("ip6tables", "nf_call_ip6tables"),
        "inet" if evidence.shot.target.is_some_and(|dst| dst.is_ipv6()) => ("ip6tables", "nf_call_ip6tables"),
        _ => ("iptables", "nf_call_iptables"),
    };
    let of = bridge.bridge.as_ref()?;
    let key = format!("net.bridge.bridge-nf-call-{tool}");
    let mut fix = Vec::new();
    let mut set = Vec::new();
    if space.switch(&key).is_some_and(|value| value != 0) {
        fix.push(evidence.sysctl(&space.name, &key, "0"));
        set.push(format!("{key}=1"));
    }
    let own = match tool {
        "arptables" => of.nf_call_arptables,
        "ip6tables" => of.nf_call_ip6tables,
        _ => of.nf_call_iptables,
    };
    if own {
        fix.push(format!("{} link set {} type bridge {option} 0", evidence.ip(&space.name), bridge.name));
        set.push(format!("{option} 1"));
    }
    if fix.is_empty() {
        return None;
    }
    // An exception for this bridge leaves the others as they are.
    let (chain, dev) = (typed(&culprit.chain), typed(&bridge.name));
    let words = format!("-i {dev} -o {dev} -j ACCEPT");
    let is_of_iptables = culprit.backend != Backend::Nft && culprit.table == "filter" && tool != "arptables";
    let program = culprit.backend.tool(&culprit.family);
    let accept = is_of_iptables.then(|| match culprit.number {
        None => format!("{program} -A {chain} {words}"),
        Some(number) => format!("{program} -I {chain} {number} {words}"),
    });
    if let Some(accept) = accept {
        fix = vec![evidence.exec(&space.name, &accept)];
    }
    let verdict = match culprit.policy {
        true => format!("whose policy is {}", culprit.spec.to_uppercase()),
        false => format!("where a rule stops them: {}", culprit.spec),
    };
    let text = format!(
        "br_netfilter ({}) hands frames that {} in {} only bridges to {tool}, chain {}, {verdict}",
        set.join(", "),
        bridge.name,
        space.name,
        culprit.chain
    );
    let mut found = at(evidence, Cause::BridgeNetfilter, space, bridge, text, fix);
    found.suspect.evidence = vec![
        evidence.exec(&space.name, &format!("sysctl {key}")),
        evidence.exec(&space.name, &format!("{tool} -nvL")),
    ];
    found.rank = Tier::Named.close();
    found.sure = true;
    Some(found)
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::BridgePortState,
        title: "a bridge port is not forwarding",
        symptom: "No answer: no frame passes the port in either direction.",
        cause: "A port forwards frames only in the state `forwarding`. Somebody, or a program, has set another.",
        evidence: "The word behind `state`:\n  bridge link show dev p-blue",
        cure: "Let it forward:\n  bridge link set dev p-blue state 3",
    },
    Page {
        id: Cause::BridgeStpDelay,
        title: "the spanning tree does not let the port forward yet",
        symptom: "No answer for half a minute after a port came up; then it works.",
        cause: "With STP a new port listens and learns, each for the forward delay (15 s), before it forwards. A port may also be blocked, since there is another way.",
        evidence: "Is STP on, and the port listening, learning or blocking?\n  ip -d link show br0\n  bridge link show dev p-blue",
        cure: "Wait, or do without STP where there is no loop:\n  ip link set br0 type bridge stp_state 0\n  bridge link set dev p-blue state 3",
    },
    Page {
        id: Cause::BridgePortFloodOff,
        title: "a port does not get what the bridge has to flood",
        symptom: "`Destination Host Unreachable`: the question who has the address, or the packet itself, never comes out of the port.",
        cause: "Frames for unknown addresses, broadcasts and multicasts are flooded to all ports, unless `flood`, `bcast_flood` or `mcast_flood` is off. Without `learning` every address stays unknown.",
        evidence: "Which of them are off?\n  bridge -d link show dev p-blue",
        cure: "Switch them on:\n  bridge link set dev p-blue learning on flood on bcast_flood on\n  bridge link set dev p-blue mcast_flood on",
    },
    Page {
        id: Cause::BridgePortLocked,
        title: "a locked port drops frames of unknown senders",
        symptom: "No answer: frames come to the port and go no further.",
        cause: "A port with `locked on` takes frames only from hardware addresses that the forwarding database holds at it.",
        evidence: "Does it say `locked on`?\n  bridge -d link show dev p-red\n  bridge fdb show dev p-red",
        cure: "Unlock it, or enter the sender:\n  bridge link set dev p-red locked off\n  bridge fdb replace MAC dev p-red master static",
    },
    Page {
        id: Cause::BridgePortIsolated,
        title: "two isolated ports do not reach each other",
        symptom: "`Destination Host Unreachable`: both reach other ports, but not one another.",
        cause: "A port with `isolated on` exchanges frames only with ports that are not isolated.",
        evidence: "Do both say `isolated on`?\n  bridge -d link",
        cure: "Take one of them out:\n  bridge link set dev p-blue isolated off",
    },
    Page {
        id: Cause::BridgeNetfilter,
        title: "bridged frames go through iptables (br_netfilter)",
        symptom: "Two stations of one bridge do not reach each other, though no router is between them; ARP works.",
        cause: "With `bridge-nf-call-iptables=1`, or `nf_call_iptables` of the bridge, iptables judges bridged packets in FORWARD, whose policy is often DROP (Docker sets it).",
        evidence: "Is it 1, and does FORWARD count the packets?\n  sysctl net.bridge.bridge-nf-call-iptables\n  ip -d link show br0\n  iptables -nvL FORWARD",
        cure: "Accept what stays on this bridge, or leave bridged frames alone:\n  iptables -A FORWARD -i br0 -o br0 -j ACCEPT\n  sysctl -w net.bridge.bridge-nf-call-iptables=0\n  ip link set br0 type bridge nf_call_iptables 0",
    },
];
