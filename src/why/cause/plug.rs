//! Ports and bridges: links that are no port of their bridge, ports of the wrong bridge,
//! bridges without a connection, and addresses on a port.

use super::bridge::bridges;
use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Address, Link, Space};
use crate::why::Cause;
use crate::why::command::say::{nodad, show, table};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects ports and bridges.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = address_on_port(evidence);
    if found.is_empty() {
        found.extend(loose(evidence));
    }
    found.extend(wrong_bridge(evidence));
    if found.is_empty() {
        found.extend(apart(evidence));
    }
    found
}

/// Suspects addresses on a bridge port, whose frames go to the bridge instead.
fn address_on_port(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for space in &evidence.survey.spaces {
        for link in &space.links {
            let Some(bridge) = link.master.and_then(|master| space.link_at(master)) else { continue };
            let addrs: Vec<&Address> =
                space.addrs.iter().filter(|addr| addr.index == link.index && addr.scope != "link").collect();
            if addrs.is_empty() || !evidence.spaces_on_the_way().iter().any(|on| on.name == space.name) {
                continue;
            }
            let ip = evidence.ip(&space.name);
            let mut fix = Vec::new();
            for addr in &addrs {
                fix.push(format!("{ip} addr del {}/{} dev {}", addr.ip, addr.prefix_len, link.name));
            }
            for addr in &addrs {
                if !space.addrs.iter().any(|other| other.index == bridge.index && other.ip == addr.ip) {
                    fix.push(format!(
                        "{ip} addr add {}/{} dev {}{}",
                        addr.ip,
                        addr.prefix_len,
                        bridge.name,
                        nodad(addr.ip)
                    ));
                }
            }
            if !bridge.up {
                fix.push(format!("{ip} link set {} up", bridge.name));
            }
            let routes: Vec<String> = space
                .routes
                .iter()
                .filter(|route| {
                    route.table != 255
                        && route.protocol != "kernel"
                        && route.kind == "unicast"
                        && route.hops.len() == 1
                        && route.dev() == Some(link.name.as_str())
                })
                .map(|route| {
                    let family = if route.dst.ip.is_ipv6() { " -6" } else { "" };
                    let via = route.via().map(|via| format!(" via {via}")).unwrap_or_default();
                    let table = table(route);
                    let metric = match route.metric {
                        0 | 1024 => String::new(),
                        metric => format!(" metric {metric}"),
                    };
                    format!(
                        "{ip}{family} route replace {}{via} dev {}{table}{metric}",
                        route.dst, bridge.name
                    )
                })
                .collect();
            let moves = if routes.is_empty() { "it" } else { "it and the routes over it" };
            fix.extend(routes);
            let names: Vec<String> = addrs.iter().map(|addr| show(addr)).collect();
            let text = format!(
                "{} is on {}, a port of the bridge {} in {}: what comes in by a port goes to the bridge, so that an address of the port gets nothing; {moves} must be moved to {}",
                names.join(" and "),
                link.name,
                bridge.name,
                space.name,
                bridge.name
            );
            let mut suspect =
                suspect(Cause::AddressOnBridgePort, format!("{}: {}", space.name, link.name), text, fix);
            suspect.evidence = vec![format!("{ip} -br addr"), format!("{ip} route")];
            found.push(Suspicion { rank: Tier::Here.exact(), sure: false, suspect });
        }
    }
    found
}

/// Returns the ends that share a wire with a link.
fn behind<'a>(evidence: &Evidence<'a>, space: &str, link: &Link) -> Vec<End<'a>> {
    let mut ends = evidence.ground.neighbours(space, link);
    ends.retain(|end| evidence.ground.share(end.port(), (space, link.index)));
    ends
}

/// Counts the pairs of two sets of ends that are in one network.
fn fits(some: &[End], others: &[End]) -> usize {
    let sees = |a: &End, b: &End| {
        [false, true].into_iter().any(|v6| {
            a.addrs(v6).any(|our| {
                b.addrs(v6)
                    .any(|their| our.ip != their.ip && network(our.ip, our.prefix_len).contains(their.ip))
            })
        })
    };
    some.iter()
        .flat_map(|a| others.iter().map(move |b| (a, b)))
        .filter(|(a, b)| sees(a, b) || sees(b, a))
        .count()
}

/// Returns the ends that a bridge connects, and the bridge itself unless it has a master.
fn joined<'a>(evidence: &Evidence<'a>, space: &'a Space, bridge: &'a Link) -> Vec<End<'a>> {
    let mut ends = behind(evidence, &space.name, bridge);
    if bridge.master.is_none() {
        ends.push(End { space, link: bridge });
    }
    ends
}

/// Tells whether a link could be a port and is in no bridge.
fn is_loose(evidence: &Evidence, space: &Space, link: &Link) -> bool {
    let bare = !space.addrs.iter().any(|addr| addr.index == link.index && addr.scope != "link");
    link.master.is_none() && bare && link.kind.is_made_for_a_bridge()
        // The kernel refuses a tun, which has no frames.
        && link.tun.as_ref().is_none_or(|tun| tun.tap)
        // The parent of a macvlan or VXLAN has its use already.
        && !evidence.survey.spaces.iter().flat_map(|space| &space.links).any(|other| {
            other.parent.as_ref().is_some_and(|parent| {
                parent.index == link.index && parent.space.as_deref() == Some(&space.name)
            })
        })
        && !space.routes.iter().any(|route| route.table == 254 && route.dev() == Some(link.name.as_str()) && route.protocol != "kernel")
}

fn plug(evidence: &Evidence, space: &Space, link: &Link, bridge: &Link) -> Vec<String> {
    let ip = evidence.ip(&space.name);
    let mut fix = vec![format!("{ip} link set {} master {}", link.name, bridge.name)];
    for one in [link, bridge] {
        if !one.up {
            fix.push(format!("{ip} link set {} up", one.name));
        }
    }
    fix
}

/// Tells whether one of some ends is the sender, the target, or the owner of an address
/// that is being resolved.
fn matters(evidence: &Evidence, ends: &[End]) -> bool {
    let wanted = match &evidence.gate {
        Gate::Resolve { wanted, .. } => Some(*wanted),
        _ => None,
    };
    let has = |end: &End, ip: IpAddr| end.addrs(ip.is_ipv6()).any(|addr| addr.ip == ip);
    ends.iter().any(|end| {
        end.space.name == evidence.probe.from
            || [wanted, evidence.shot.target].into_iter().flatten().any(|ip| has(end, ip))
    })
}

fn unplugged(
    evidence: &Evidence,
    space: &Space,
    link: &Link,
    text: String,
    fix: Vec<String>,
    matters: bool,
) -> Suspicion {
    let mut suspect =
        suspect(Cause::BridgePortNotEnslaved, format!("{}: {}", space.name, link.name), text, fix);
    suspect.evidence = vec![format!("{} link", evidence.tool("bridge", &space.name))];
    let rank = if matters { Tier::Here.exact() } else { Tier::OnTheWay.exact() };
    Suspicion { rank, sure: false, suspect }
}

/// Suspects links that are no port of the bridge in their namespace.
fn loose(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let all = bridges(evidence);
    for space in &evidence.survey.spaces {
        for link in space.links.iter().filter(|link| is_loose(evidence, space, link)) {
            let ends = behind(evidence, &space.name, link);
            let here = all.iter().filter(|(at, _)| at.name == space.name);
            let fit = |bridge| fits(&ends, &joined(evidence, space, bridge));
            let best = here.clone().map(|(_, bridge)| (fit(bridge), *bridge)).max_by_key(|(fit, _)| *fit);
            let Some((count, bridge)) = best else { continue };
            // The other end may be in no bridge either: the link is a trunk.
            let other = link.peer.as_ref().and_then(|peer| evidence.survey.find(peer));
            if let Some((other_space, other)) = other
                && is_loose(evidence, other_space, other)
            {
                let pairs = here.flat_map(|(_, near)| {
                    let far = all.iter().filter(|(at, _)| at.name == other_space.name);
                    far.map(|(_, far)| (*near, *far))
                });
                let pairs = pairs.filter(|(near, far)| {
                    space.name != other_space.name || near.index != far.index && link.index < other.index
                });
                let fit =
                    |near, far| fits(&joined(evidence, space, near), &joined(evidence, other_space, far));
                let best = pairs.map(|(near, far)| (fit(near, far), near, far)).max_by_key(|(fit, ..)| *fit);
                if let Some((1.., near, far)) = best {
                    let text = format!(
                        "{} in {} and its other end {} in {} are ports of no bridge: they were to join {} and {}, which nothing joins",
                        link.name, space.name, other.name, other_space.name, near.name, far.name
                    );
                    let mut fix = plug(evidence, space, link, near);
                    fix.extend(plug(evidence, other_space, other, far));
                    found.push(unplugged(evidence, space, link, text, fix, true));
                    continue;
                }
            }
            if count == 0
                && (ends.is_empty() || all.iter().filter(|(at, _)| at.name == space.name).count() > 1)
            {
                continue;
            }
            let whose: Vec<&str> = ends.iter().map(|end| end.space.name.as_str()).collect();
            let text = format!(
                "{} in {}, the other end of the link of {}, is a port of no bridge: it was never attached to {} (no master)",
                link.name,
                space.name,
                whose.join(" and "),
                bridge.name
            );
            let mut one = unplugged(
                evidence,
                space,
                link,
                text,
                plug(evidence, space, link, bridge),
                matters(evidence, &ends),
            );
            if count == 0 {
                one.rank = Tier::Odd.exact();
            }
            found.push(one);
        }
    }
    found
}

/// Suspects ports whose station fits no other station of their bridge, but those of
/// another bridge.
fn wrong_bridge(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let all = bridges(evidence);
    for (space, bridge) in &all {
        let ports = space.links.iter().filter(|link| link.master == Some(bridge.index));
        for port in ports {
            let stations: Vec<End> = joined(evidence, space, bridge);
            let (ends, rest): (Vec<End>, Vec<End>) = stations.into_iter().partition(|end| {
                evidence.ground.port_to(space, bridge, *end).is_some_and(|by| by.index == port.index)
            });
            if ends.is_empty()
                || fits(&ends, &rest) > 0
                || !matters(evidence, &ends) && !matters(evidence, &rest)
            {
                continue;
            }
            let others =
                all.iter().filter(|(at, other)| at.name == space.name && other.index != bridge.index);
            let best = others
                .map(|(_, other)| {
                    let mut there = joined(evidence, space, other);
                    there.retain(|end| !ends.iter().any(|known| known.port() == end.port()));
                    (fits(&ends, &there), *other)
                })
                .max_by_key(|(fit, _)| *fit);
            let Some((1.., other)) = best else { continue };
            let whose = &ends[0];
            let text = format!(
                "{}, the port of {}, is attached to {} in {}, but {}'s network is that of {}: two bridges are two separate segments",
                port.name, whose.space.name, bridge.name, space.name, whose.space.name, other.name
            );
            let mut one = unplugged(evidence, space, port, text, plug(evidence, space, port, other), true);
            one.suspect.id = Cause::BridgePortOfWrongBridge.to_string();
            // The target's port comes before the sender's.
            let asks = ends.iter().any(|end| end.space.name == evidence.probe.from);
            one.rank.nearness = i8::from(!asks);
            found.push(one);
        }
    }
    found
}

/// Suspects two bridges of one network without a connection.
fn apart(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let all = bridges(evidence);
    for (number, (space, bridge)) in all.iter().enumerate() {
        for (other_space, other) in &all[number + 1..] {
            let near = joined(evidence, space, bridge);
            let far = joined(evidence, other_space, other);
            if evidence.ground.share((&space.name, bridge.index), (&other_space.name, other.index))
                || space.name != other_space.name
                || fits(&near, &far) == 0
                || !(matters(evidence, &near) && matters(evidence, &far))
            {
                continue;
            }
            let ip = evidence.ip(&space.name);
            let (a, b) = (short("to", &other.name), short("to", &bridge.name));
            let fix = vec![
                format!("{ip} link add {a} type veth peer name {b}"),
                format!("{ip} link set {a} master {} up", bridge.name),
                format!("{ip} link set {b} master {} up", other.name),
            ];
            let text = format!(
                "{} and {} in {} hold stations of one network, and nothing joins the two bridges: they are separate segments",
                bridge.name, other.name, space.name
            );
            let mut one = unplugged(evidence, space, bridge, text, fix, true);
            one.suspect.id = Cause::BridgesNotConnected.to_string();
            found.push(one);
        }
    }
    found
}

/// Returns a link's name, cut to the kernel's 15 characters.
fn short(before: &str, name: &str) -> String {
    format!("{before}-{name}").chars().take(15).collect()
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::BridgePortNotEnslaved,
        title: "the outer end of a link was never attached to the bridge",
        symptom: "`Destination Host Unreachable`: the question who has the address never reaches the other side.",
        cause: "A veth end, tap or VXLAN on the bridge's side has no master, so its frames go to the network layer there and not to the bridge.",
        evidence: "Which ports does the bridge have?\n  bridge link\n  ip -br link show master br0",
        cure: "Attach it:\n  ip link set p-blue master br0",
    },
    Page {
        id: Cause::BridgePortOfWrongBridge,
        title: "a port is attached to another bridge than its network",
        symptom: "`Destination Host Unreachable`: two who have addresses of one network sit on two bridges.",
        cause: "Two bridges are two separate segments. The port's station has an address of the other bridge's network.",
        evidence: "Whose port is it?\n  bridge link\n  ip -br addr",
        cure: "Attach it to the right one:\n  ip link set p-blue master br1",
    },
    Page {
        id: Cause::BridgesNotConnected,
        title: "two bridges hold one network, and nothing joins them",
        symptom: "`Destination Host Unreachable`: stations of one bridge reach each other, but none of the other bridge.",
        cause: "Bridges pass on frames between their own ports only.",
        evidence: "Does any port of one lead to the other?\n  bridge link",
        cure: "Join them by a veth pair:\n  ip link add to-br1 type veth peer name to-br0\n  ip link set to-br1 master br0 up\n  ip link set to-br0 master br1 up",
    },
    Page {
        id: Cause::AddressOnBridgePort,
        title: "an address sits on a port instead of the bridge",
        symptom: "`Destination Host Unreachable`: the address stopped answering when its interface was attached to a bridge, or never did.",
        cause: "What comes in by a port goes to the bridge, not to the port's own addresses. Address and routes belong on the bridge.",
        evidence: "Is an interface with a master listed with an address?\n  ip -br addr\n  bridge link",
        cure: "Move the address, and the routes that go over it:\n  ip addr del 10.0.0.2/24 dev uplink\n  ip addr add 10.0.0.2/24 dev br0\n  ip route replace default via 10.0.0.254 dev br0",
    },
];
