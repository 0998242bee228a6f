//! Macvlans that do not reach each other because of their mode or their parents.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Link, Macvlan};
use crate::why::Cause;
use crate::why::command::say::nodad;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};

/// Suspects macvlans.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let stations = evidence.stations();
    let mut found = Vec::new();
    for (number, end) in stations.iter().enumerate() {
        for other in stations[number + 1..].iter().filter(|other| other.space.name != end.space.name) {
            found.extend(siblings(evidence, *end, *other));
            found.extend(of_parent(evidence, *end, *other));
            found.extend(of_parent(evidence, *other, *end));
        }
        found.extend(source(evidence, *end, &stations));
    }
    let targets = evidence.targets();
    for own in evidence.ground.ends().filter(|end| end.space.name == evidence.probe.from) {
        for target in
            evidence.ground.ends().filter(|end| targets.iter().any(|space| space.name == end.space.name))
        {
            found.extend(strangers(evidence, own, target));
        }
    }
    found
}

fn at(evidence: &Evidence, id: Cause, end: End, text: String, fix: Vec<String>) -> Suspicion {
    let mut suspect = suspect(id, format!("{}: {}", end.space.name, end.link.name), text, fix);
    suspect.evidence = vec![format!("{} -d link show {}", evidence.ip(&end.space.name), end.link.name)];
    Suspicion { rank: Tier::Here.close(), sure: false, suspect }
}

fn macvlan(link: &Link) -> Option<&Macvlan> {
    link.macvlan.as_ref()
}

/// Returns the command that gives a macvlan the mode bridge, in which siblings reach each
/// other.
fn to_bridge(evidence: &Evidence, end: End) -> String {
    let (kind, dev) = (&end.link.kind, &end.link.name);
    format!("{} link set {dev} type {kind} mode bridge", evidence.ip(&end.space.name))
}

/// Suspects the modes of two macvlans of one parent.
fn siblings(evidence: &Evidence, a: End, b: End) -> Option<Suspicion> {
    let (one, other) = (macvlan(a.link)?, macvlan(b.link)?);
    if a.link.parent.is_none() || a.link.parent != b.link.parent {
        return None;
    }
    let odd: Vec<(End, &Macvlan)> =
        [(a, one), (b, other)].into_iter().filter(|(_, of)| of.mode != "bridge").collect();
    let (first, _) = *odd.first()?;
    let names: Vec<String> =
        odd.iter().map(|(end, of)| format!("{}'s {} ({})", end.space.name, end.link.name, of.mode)).collect();
    let (host, parent) = evidence.survey.find(a.link.parent.as_ref()?)?;
    if odd.iter().all(|(_, of)| of.mode == "vepa")
        && let Some((switch, port)) = parent.peer.as_ref().and_then(|peer| evidence.survey.find(peer))
        && let Some(state) = &port.port
        && !state.hairpin
    {
        let text = format!(
            "{} are macvlans of mode vepa: even siblings send by the switch, which has to send frames back out of the port they came from, and hairpin is off on its port {} in {}",
            names.join(" and "),
            port.name,
            switch.name
        );
        let fix =
            vec![format!("{} link set dev {} hairpin on", evidence.tool("bridge", &switch.name), port.name)];
        let mut one = at(evidence, Cause::MacvlanVepaWithoutHairpin, first, text, fix);
        one.rank = one.rank.tier.plain();
        return Some(one);
    }
    let why = match odd.iter().all(|(_, of)| of.mode == "vepa") {
        true => {
            "mode vepa sends everything to an outer switch that would have to send it back, and there is none"
        }
        false => "only macvlans of mode bridge reach their siblings",
    };
    let text = format!("{} on the parent {} of {}: {why}", names.join(" and "), parent.name, host.name);
    let fix = odd.iter().map(|(end, _)| to_bridge(evidence, *end)).collect();
    Some(at(evidence, Cause::MacvlanMode, first, text, fix))
}

/// Suspects two macvlans of one network whose parents share no wire.
fn strangers(evidence: &Evidence, a: End, b: End) -> Option<Suspicion> {
    let (_, of) = (macvlan(a.link)?, macvlan(b.link)?);
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let (ours, theirs) = (a.addrs(v6).next()?, b.addrs(v6).next()?);
    if evidence.ground.share(a.port(), b.port()) || !network(ours.ip, ours.prefix_len).contains(theirs.ip) {
        return None;
    }
    let (host, parent) = evidence.survey.find(a.link.parent.as_ref()?)?;
    let (other_host, other_parent) = evidence.survey.find(b.link.parent.as_ref()?)?;
    let (space, dev) = (&b.space.name, &b.link.name);
    let ip = evidence.ip(space);
    let netns = if *space == host.name { String::new() } else { format!(" netns {space}") };
    let mut fix = vec![
        format!("{ip} link del {dev}"),
        format!(
            "{} link add {dev} link {}{netns} type {} mode {}",
            evidence.ip(&host.name),
            parent.name,
            b.link.kind,
            of.mode
        ),
    ];
    for addr in b.addrs(false).chain(b.addrs(true)) {
        fix.push(format!("{ip} addr add {}/{} dev {dev}{}", addr.ip, addr.prefix_len, nodad(addr.ip)));
    }
    fix.push(format!("{ip} link set {dev} up"));
    let through = b.space.routes.iter().filter(|route| route.table == 254 && route.dev() == Some(dev));
    fix.extend(
        through.filter_map(|route| Some(format!("{ip} route add {} via {}", route.dst, route.via()?))),
    );
    let text = format!(
        "{}'s {} and {space}'s {dev} are macvlans of different parents, {} of {} and {} of {}, which nothing connects: {dev} belongs on {}",
        a.space.name, a.link.name, parent.name, host.name, other_parent.name, other_host.name, parent.name
    );
    let mut one = at(evidence, Cause::MacvlanParentsApart, b, text, fix);
    one.rank = one.rank.tier.close();
    Some(one)
}

/// Suspects a macvlan and its own parent, which never reach each other.
fn of_parent(evidence: &Evidence, child: End, parent: End) -> Option<Suspicion> {
    let mode = &macvlan(child.link)?.mode;
    let (space, link) = evidence.survey.find(child.link.parent.as_ref()?)?;
    if space.name != parent.space.name || link.index != parent.link.index {
        return None;
    }
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let theirs = child.addrs(v6).next()?;
    let ours = parent.addrs(v6).next()?;
    let len = if v6 { 128 } else { 32 };
    let free = evidence.free_address(network(ours.ip, ours.prefix_len));
    let (ip, family) = (evidence.ip(&space.name), if v6 { " -6" } else { "" });
    let name = (0..).map(|n| if n == 0 { "shim".into() } else { format!("shim{n}") });
    let name = name.into_iter().find(|name: &String| space.link(name).is_none())?;
    let mut fix = vec![
        format!("{ip} link add {name} link {} type macvlan mode bridge", link.name),
        format!("{ip} addr add {free}/{len} dev {name}{}", nodad(free)),
        format!("{ip} link set {name} up"),
        format!("{ip}{family} route add {}/{len} dev {name}", theirs.ip),
    ];
    if mode != "bridge" {
        fix.push(to_bridge(evidence, child));
    }
    let text = format!(
        "{}'s {} is a macvlan on {} of {}, and a macvlan never reaches its own parent interface, nor is it reached from there: {} needs a macvlan of its own beside it, with a route to {} over it",
        child.space.name, child.link.name, link.name, space.name, space.name, theirs.ip
    );
    let mut one = at(evidence, Cause::MacvlanParentUnreachable, child, text, fix);
    one.rank = one.rank.tier.close();
    Some(one)
}

/// Suspects a macvlan of mode source, which takes frames of listed senders only.
fn source(evidence: &Evidence, end: End, stations: &[End]) -> Option<Suspicion> {
    let of = macvlan(end.link).filter(|of| of.mode == "source")?;
    let near = evidence.ground.neighbours(&end.space.name, end.link);
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let missing: Vec<&End> = stations
        .iter()
        .filter(|other| {
            near.iter().any(|near| near.port() == other.port())
                && !of.macs.contains(&other.link.mac)
                && (other.link.macvlan.is_none() || other.link.parent != end.link.parent)
                && other.addrs(v6).next().is_some()
        })
        .collect();
    if missing.is_empty() {
        return None;
    }
    let fix = missing
        .iter()
        .map(|other| {
            let (kind, dev, mac) = (&end.link.kind, &end.link.name, evidence.mac_words(&other.link.mac));
            format!("{} link set {dev} type {kind} macaddr add {mac}", evidence.ip(&end.space.name))
        })
        .collect();
    let names: Vec<String> =
        missing.iter().map(|other| format!("{}'s {}", other.space.name, other.link.mac)).collect();
    let text = format!(
        "{}'s {} is a macvlan of mode source: it takes frames only from the hardware addresses of its list, in which {} {} missing",
        end.space.name,
        end.link.name,
        names.join(" and "),
        if names.len() == 1 { "is" } else { "are" }
    );
    Some(at(evidence, Cause::MacvlanSource, end, text, fix))
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::MacvlanMode,
        title: "macvlans reach their siblings in mode bridge only",
        symptom: "`Destination Host Unreachable`: two macvlans of one parent don't hear each other.",
        cause: "In mode private they never do, in mode vepa only by an outer switch, in mode source only from listed senders.",
        evidence: "The word behind `mode`:\n  ip -n NS -d link show eth0",
        cure: "Give both the mode bridge:\n  ip -n NS link set eth0 type macvlan mode bridge",
    },
    Page {
        id: Cause::MacvlanParentsApart,
        title: "macvlans of one network whose parents nothing connects",
        symptom: "`Destination Host Unreachable`: both have an address of one network and a link that is up.",
        cause: "A macvlan is on the wire of its parent. Two of different parents share a wire only where the parents do.",
        evidence: "What stands behind the `@`:\n  ip -n NS -d link show eth0",
        cure: "Make one of them again, on the other's parent:\n  ip -n NS link del eth0\n  ip link add eth0 link PARENT netns NS type macvlan mode bridge",
    },
    Page {
        id: Cause::MacvlanVepaWithoutHairpin,
        title: "a vepa macvlan needs a switch that sends back",
        symptom: "`Destination Host Unreachable`: frames go out to the switch and do not come back.",
        cause: "Mode vepa leaves the switching to the outer switch, which has to send frames out of the port they came from (hairpin).",
        evidence: "Is hairpin on at the switch's port?\n  bridge -d link show dev sw",
        cure: "Switch it on:\n  bridge link set dev sw hairpin on",
    },
    Page {
        id: Cause::MacvlanParentUnreachable,
        title: "a macvlan never reaches its own parent",
        symptom: "`Destination Host Unreachable`: the host reaches everybody but the macvlans on its own interface.",
        cause: "The kernel delivers between siblings and to the outside, never between a macvlan and the interface that it stands on.",
        evidence: "Is the child's parent the interface with the host's address?\n  ip -n NS -d link show eth0",
        cure: "Give the host a macvlan of its own, and a route over it:\n  ip link add shim link uplink type macvlan mode bridge\n  ip addr add 10.0.0.253/32 dev shim\n  ip link set shim up\n  ip route add 10.0.0.1/32 dev shim",
    },
    Page {
        id: Cause::MacvlanSource,
        title: "a source macvlan does not know the sender",
        symptom: "`Destination Host Unreachable`: frames arrive at the parent and go no further.",
        cause: "A macvlan of mode source takes frames only from the hardware addresses of its list.",
        evidence: "Which are listed?\n  ip -n NS -d link show eth0",
        cure: "Add the sender:\n  ip -n NS link set eth0 type macvlan macaddr add MAC",
    },
];
