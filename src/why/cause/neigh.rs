//! Neighbour tables: entries with a wrong hardware address, and ARP or NDP requests that
//! get no answer or a wrong one.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Address, Link, Neighbour, Route, Space, conf_key, key_part};
use crate::net::{SeenPacket, Sighting};
use crate::why::Cause;
use crate::why::command::say::nodad;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects neighbour entries, and interfaces that do not ask or answer as they should.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = entries(evidence);
    found.extend(without_arp(evidence));
    found.extend(never_asks(evidence));
    found.extend(not_asked_for(evidence));
    found.extend(wrong_answer(evidence));
    found
}

/// Returns the right hardware addresses for an IP address over a link: those of its
/// owner's interfaces on that wire.
fn right_macs(evidence: &Evidence, space: &Space, link: &Link, ip: IpAddr) -> Vec<String> {
    let owners: Vec<&str> = evidence.ground.owners(ip).iter().map(|(owner, _)| owner.name.as_str()).collect();
    let ends = evidence.ground.neighbours(&space.name, link).into_iter();
    ends.filter(|end| owners.contains(&end.space.name.as_str())).map(|end| end.link.mac.clone()).collect()
}

/// Suspects entries with another hardware address than the owner's.
fn entries(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for space in evidence.spaces_on_the_way() {
        for entry in space.neighs.iter().filter(|entry| !entry.proxy) {
            let (Some(link), Some(mac)) = (space.link_at(entry.index), entry.mac.as_ref()) else { continue };
            if link.loopback || entry.ip.is_multicast() || link.pointopoint {
                continue;
            }
            // An address of a bridge's port, as the kernel gives it a link-local one.
            let is_owner_s = evidence.ground.owners(entry.ip).into_iter().any(|(owner, addr)| {
                owner.link_at(addr.index).is_some_and(|link| link.master.is_some() && link.mac == *mac)
            });
            if is_owner_s {
                continue;
            }
            let right = right_macs(evidence, space, link, entry.ip);
            let fixed = matches!(entry.state.as_str(), "PERMANENT" | "NOARP");
            // The kernel's own entry for the broadcast address.
            let all = space.addrs.iter().any(|addr| addr.cast() == Some(entry.ip));
            if right.contains(mac) || entry.state == "NOARP" && (link.noarp || all) {
                continue;
            }
            if right.is_empty() {
                // If no interface has the gateway's address, another host may answer for
                // it.
                let near = evidence.ground.neighbours(&space.name, link);
                if !fixed
                    || near.is_empty()
                    || near.iter().any(|end| end.link.mac == *mac)
                    || !is_used(evidence, space, entry)
                {
                    continue;
                }
            }
            found.push(wrong_entry(evidence, space, link, entry, mac, &right));
        }
    }
    found
}

/// Tells whether an entry is for the target or for a gateway.
fn is_used(evidence: &Evidence, space: &Space, entry: &Neighbour) -> bool {
    evidence.shot.target == Some(entry.ip)
        || space.routes.iter().any(|route| route.hops.iter().any(|hop| hop.via == Some(entry.ip)))
}

fn wrong_entry(
    evidence: &Evidence,
    space: &Space,
    link: &Link,
    entry: &Neighbour,
    mac: &str,
    right: &[String],
) -> Suspicion {
    let (ip, ns, dev) = (evidence.ip(&space.name), &space.name, &link.name);
    let asks = !link.noarp
        && !evidence
            .ground
            .neighbours(ns, link)
            .iter()
            .any(|end| end.link.noarp && right.contains(&end.link.mac));
    let state = entry.state.to_lowercase();
    let truth = match right.first() {
        Some(right) => format!("its owner's is {right}"),
        None => "nobody on that wire has that one".to_string(),
    };
    let text = format!(
        "{ns}'s neighbour entry for {} on {dev} is {state} with the wrong hardware address (MAC) {mac}: {truth}",
        entry.ip
    );
    // A tunnel that learns nothing needs an entry for the new address too.
    let remote = space.fdb.iter().find(|known| known.index == link.index && known.mac == mac);
    let learns = link.vxlan.as_ref().is_some_and(|vxlan| vxlan.learning);
    let remote = remote.and_then(|known| known.dst).filter(|_| !learns);
    let replace = |right: &String| {
        let mac = evidence.mac_words(right);
        format!("{ip} neigh replace {} lladdr {mac} nud permanent dev {dev}", entry.ip)
    };
    let fix = match (right.first(), remote) {
        (Some(right), Some(remote)) => {
            let (bridge, mac) = (evidence.tool("bridge", ns), evidence.mac_words(right));
            vec![replace(right), format!("{bridge} fdb append {mac} dev {dev} dst {remote}")]
        }
        (Some(right), None) if !asks => vec![replace(right)],
        _ => vec![format!("{ip} neigh del {} dev {dev}", entry.ip)],
    };
    let mut suspect = suspect(Cause::NeighbourWrongMac, format!("{ns}: {dev}"), text, fix);
    suspect.evidence = vec![format!("{ip} neigh show {}", entry.ip)];
    Suspicion { rank: evidence.tier_at(ns, link).exact(), sure: true, suspect }
}

/// Suspects interfaces without ARP.
fn without_arp(evidence: &Evidence) -> Vec<Suspicion> {
    let stations = evidence.stations();
    // A packet may take another way than the shortest, such as a tunnel.
    let took = |end: &End| {
        let here = |seen: &Sighting| seen.netns == end.space.name && seen.index == end.link.index;
        evidence.shot.sightings.iter().any(here) && !stations.iter().any(|known| known.port() == end.port())
    };
    let others: Vec<End> = evidence.ground.ends().filter(took).collect();
    let off = stations.iter().chain(&others).filter(|end| {
        end.link.noarp && !end.link.loopback && !end.link.pointopoint && !end.link.kind.is_noarp_by_nature()
    });
    off.map(|end| {
        let (ns, dev) = (&end.space.name, &end.link.name);
        let text = format!(
            "{dev} in {ns} has ARP switched off (NOARP): it neither asks for hardware addresses nor answers who asks for its own"
        );
        let fix = vec![format!("{} link set {dev} arp on", evidence.ip(ns))];
        let mut suspect = suspect(Cause::ArpOff, format!("{ns}: {dev}"), text, fix);
        suspect.evidence = vec![format!("{} link show {dev}", evidence.ip(ns))];
        Suspicion { rank: evidence.tier_at(ns, end.link).close(), sure: true, suspect }
    })
    .collect()
}

/// Suspects interfaces that send no request for an unknown hardware address
/// (`mcast_solicit=0`).
fn never_asks(evidence: &Evidence) -> Vec<Suspicion> {
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let stations = evidence.stations();
    let silent = stations.iter().filter_map(|end| {
        let (ns, dev) = (&end.space.name, &end.link.name);
        let family = if v6 { "ipv6" } else { "ipv4" };
        let key = format!("net.{family}.neigh.{}.mcast_solicit", key_part(dev));
        if end.space.switch(&key) != Some(0) {
            return None;
        }
        let text = format!("{key}=0 in {ns}: {dev} never asks for a hardware address that it does not know");
        let mut suspect =
            suspect(Cause::ArpOff, format!("{ns}: {dev}"), text, vec![evidence.sysctl(ns, &key, "3")]);
        suspect.evidence = vec![evidence.exec(ns, &format!("sysctl {key}"))];
        Some(Suspicion { rank: evidence.tier_at(ns, end.link).close(), sure: true, suspect })
    });
    silent.collect()
}

/// Suspects routers that could answer for an address that is not on the wire, and masks
/// that make it look local.
fn not_asked_for(evidence: &Evidence) -> Vec<Suspicion> {
    let Gate::Resolve { asker, dev, wanted } = &evidence.gate else { return Vec::new() };
    let Some(space) = evidence.survey.space(asker) else { return Vec::new() };
    let Some(link) = space.link(dev) else { return Vec::new() };
    let near = evidence.ground.neighbours(asker, link);
    let owners = evidence.ground.owners(*wanted);
    if near.iter().any(|end| owners.iter().any(|(owner, _)| owner.name == end.space.name)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for router in &near {
        found.extend(proxy(evidence, space, link, *wanted, router, !owners.is_empty()));
        if !owners.is_empty() {
            found.extend(too_wide(evidence, space, link, *wanted, router));
        }
    }
    found
}

/// Suspects a router of not answering for an address beyond it (proxy ARP, proxy NDP).
fn proxy(
    evidence: &Evidence,
    space: &Space,
    link: &Link,
    wanted: IpAddr,
    router: &End,
    owned: bool,
) -> Option<Suspicion> {
    let (ns, dev) = (&router.space.name, &router.link.name);
    let own: Vec<_> = space
        .addrs
        .iter()
        .filter(|addr| addr.index == link.index && addr.ip.is_ipv6() == wanted.is_ipv6())
        .collect();
    let v6 = wanted.is_ipv6();
    let is_on = |which: &str| {
        router.space.switch(&format!("net.ipv4.conf.{which}.proxy_arp")).is_some_and(|on| on != 0)
    };
    let key = key_part(dev);
    let (mut fix, mut lacks) = (Vec::new(), Vec::new());
    if v6 {
        let known = router.space.neighs.iter().any(|entry| entry.proxy && entry.ip == wanted);
        if router.space.switch(&format!("net.ipv6.conf.{key}.proxy_ndp")) != Some(1) {
            fix.push(evidence.sysctl(ns, &format!("net.ipv6.conf.{key}.proxy_ndp"), "1"));
            lacks.push("proxy_ndp is 0 there");
        }
        if !known {
            fix.push(format!("{} -6 neigh add proxy {wanted} dev {dev}", evidence.ip(ns)));
            lacks.push("it has no neighbour proxy entry for that address");
        }
    } else if !is_on("all") && !is_on(&key) {
        fix.push(evidence.sysctl(ns, &format!("net.ipv4.conf.{key}.proxy_arp"), "1"));
        lacks.push("proxy_arp is 0 there");
    }
    let routes = router.space.switch("net.ipv4.ip_forward") == Some(1)
        || router.space.switch(if v6 {
            "net.ipv6.conf.all.forwarding"
        } else {
            "net.ipv4.conf.all.forwarding"
        }) == Some(1);
    if fix.is_empty() || !routes {
        return None;
    }
    // A host with a /32 or /128 and a gateway outside of it depends on proxy ARP.
    let single = !own.is_empty() && own.iter().all(|addr| addr.prefix_len >= if v6 { 128 } else { 32 });
    let linklocal = matches!(wanted, IpAddr::V4(ip) if ip.is_link_local());
    let whose = match owned {
        true => format!("{wanted} is not on that wire but beyond {ns}"),
        false => format!("{wanted} is nobody's own address"),
    };
    let (how, look) = match v6 {
        true => ("proxy NDP (proxy_ndp)", format!("sysctl net.ipv6.conf.{key}.proxy_ndp")),
        false => ("proxy ARP (proxy_arp)", format!("sysctl net.ipv4.conf.{key}.proxy_arp")),
    };
    let text = format!(
        "{} asks on {} for the hardware address of {wanted}, and nobody answers: {whose}, so {ns} has to answer in its place by {how} on {dev}, but {}",
        space.name,
        link.name,
        lacks.join(", and ")
    );
    let mut suspect = suspect(Cause::ProxyArpOff, format!("{ns}: {dev}"), text, fix);
    suspect.evidence = vec![evidence.exec(ns, &look)];
    if v6 {
        suspect.evidence.push(format!("{} -6 neigh show proxy", evidence.ip(ns)));
    }
    // The router and the sender agree that the address is in this wire's network.
    let wants = |mut addrs: Box<dyn Iterator<Item = &Address> + '_>| {
        addrs.any(|addr| network(addr.ip, addr.prefix_len).contains(wanted))
    };
    let agreed = owned && wants(Box::new(own.iter().copied())) && wants(Box::new(router.addrs(v6)));
    let rank = match () {
        () if agreed => Tier::Here.close(),
        () if single || linklocal => Tier::Here.close(),
        () => Tier::Odd.plain(),
    };
    Some(Suspicion { rank, sure: false, suspect })
}

/// Suspects the sender's mask if it makes a remote address look local.
fn too_wide(evidence: &Evidence, space: &Space, link: &Link, wanted: IpAddr, router: &End) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let v6 = wanted.is_ipv6();
    for addr in space.addrs.iter().filter(|addr| addr.index == link.index && addr.ip.is_ipv6() == v6) {
        for via in router.addrs(v6) {
            let narrow = network(via.ip, via.prefix_len);
            let wide = network(addr.ip, addr.prefix_len);
            if via.prefix_len <= addr.prefix_len
                || !narrow.contains(addr.ip)
                || !wide.contains(wanted)
                || narrow.contains(wanted)
            {
                continue;
            }
            let (ip, dev) = (evidence.ip(&space.name), &link.name);
            let nodad = nodad(addr.ip);
            let mut fix = vec![
                format!("{ip} addr del {}/{} dev {dev}", addr.ip, addr.prefix_len),
                format!("{ip} addr add {}/{} dev {dev}{nodad}", addr.ip, via.prefix_len),
            ];
            // `follow` adds the routes that depend on the address.
            let family = if v6 { " -6" } else { "" };
            let default = |route: &Route| route.dst.len == 0 && route.dst.ip.is_ipv6() == v6;
            if !space.routes.iter().any(default) {
                fix.push(format!("{ip}{family} route add default via {} dev {dev}", via.ip));
            }
            let text = format!(
                "{}'s mask on {dev} is too wide: {}/{} makes {wanted} look on-link, so {} asks for its hardware address instead of using the router {} ({}/{})",
                space.name, addr.ip, addr.prefix_len, space.name, router.space.name, via.ip, via.prefix_len
            );
            let mut suspect = suspect(Cause::NetmaskTooWide, format!("{}: {dev}", space.name), text, fix);
            suspect.evidence = vec![format!("{ip} route get {wanted}")];
            found.push(Suspicion { rank: Tier::Here.close(), sure: false, suspect });
        }
    }
    found
}

/// Suspects a namespace that answers for an address of another one on the same wire.
fn wrong_answer(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for seen in evidence.shot.sightings.iter().filter(|seen| seen.out) {
        let SeenPacket::Neighbour { asks: false, target, .. } = seen.packet else { continue };
        let Some(space) = evidence.survey.space(&seen.netns) else { continue };
        let Some(link) = space.link(&seen.dev).filter(|link| link.master.is_none()) else { continue };
        let owners = evidence.ground.owners(target);
        if owners.iter().any(|(owner, _)| owner.name == space.name) {
            continue;
        }
        let near = evidence.ground.neighbours(&space.name, link);
        let Some(owner) =
            near.iter().find(|end| owners.iter().any(|(owner, _)| owner.name == end.space.name))
        else {
            continue;
        };
        let (ns, dev) = (&space.name, &link.name);
        let key = conf_key("ipv4", dev, "proxy_arp");
        let entry = space.neighs.iter().find(|entry| entry.proxy && entry.ip == target);
        let (fix, why) = match entry {
            Some(entry) => {
                let dev = if entry.dev.is_empty() { String::new() } else { format!(" dev {}", entry.dev) };
                (format!("{} neigh del proxy {target}{dev}", evidence.ip(ns)), "a neighbour proxy entry")
            }
            None if space.switch(&key) == Some(1) => (evidence.sysctl(ns, &key, "0"), "proxy_arp"),
            None => (evidence.sysctl(ns, "net.ipv4.conf.all.proxy_arp", "0"), "proxy_arp"),
        };
        let text = format!(
            "{ns} answers by {why} on {dev} for {target}, which is {}'s on the same wire: packets for it go to {ns}",
            owner.space.name
        );
        let mut suspect = suspect(Cause::ProxyArpSteals, format!("{ns}: {dev}"), text, vec![fix]);
        suspect.evidence = vec![
            format!("{} neigh show proxy", evidence.ip(ns)),
            evidence.exec(ns, &format!("sysctl {key}")),
        ];
        found.push(Suspicion { rank: Tier::Here.close(), sure: false, suspect });
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::NeighbourWrongMac,
        title: "a neighbour entry holds the wrong hardware address",
        symptom: "No answer and no error: the packet goes out, in a frame that nobody takes.",
        cause: "A permanent entry is never asked for again, so that it stays wrong, on the sender's, a router's, or the receiver's side.",
        evidence: "Compare the entry with the owner's address:\n  ip -n NS neigh\n  ip -n OTHER link show DEV",
        cure: "Delete it; the kernel asks for the right one:\n  ip -n NS neigh del ADDR dev DEV",
    },
    Page {
        id: Cause::ArpOff,
        title: "an interface neither asks nor answers (NOARP)",
        symptom: "`Destination Host Unreachable`: the question arrives, and nobody answers.",
        cause: "`arp off` has the kernel ignore ARP on that interface, in both directions.",
        evidence: "Is NOARP among the flags?\n  ip -n NS link show DEV",
        cure: "Switch it on:\n  ip -n NS link set DEV arp on",
    },
    Page {
        id: Cause::ProxyArpOff,
        title: "nobody answers in the place of an address beyond the router",
        symptom: "`Destination Host Unreachable`: the address asked for is on no interface of that wire.",
        cause: "A gateway such as 169.254.1.1, or an address that only looks near, is answered for by the router, where `proxy_arp` is on (IPv6: `proxy_ndp` and a proxy entry).",
        evidence: "Who has the address, and is the switch 1?\n  ip -n NS neigh\n  sysctl net.ipv4.conf.cali0.proxy_arp",
        cure: "Answer for it:\n  sysctl -w net.ipv4.conf.cali0.proxy_arp=1",
    },
    Page {
        id: Cause::ProxyArpSteals,
        title: "somebody else answers for an address of the same wire",
        symptom: "Now and then, or always, packets go to the wrong machine.",
        cause: "A proxy entry, or `proxy_arp` with a route elsewhere, answers questions whose right owner sits on the same wire.",
        evidence: "Who answers?\n  ip -n NS neigh show proxy\n  ip netns exec NS sysctl net.ipv4.conf.all.proxy_arp",
        cure: "Stop it:\n  ip -n NS neigh del proxy ADDR dev DEV",
    },
    Page {
        id: Cause::NetmaskTooWide,
        title: "a mask takes a far address for a near one",
        symptom: "`Destination Host Unreachable`: it asks for the hardware address of somebody beyond a router.",
        cause: "With too short a prefix the connected route covers networks behind the router, which never gets the packet.",
        evidence: "Does the route go straight out of the interface?\n  ip -n NS route get ADDR",
        cure: "Correct the mask, and name the router:\n  ip -n NS addr del 10.0.1.1/16 dev eth0\n  ip -n NS addr add 10.0.1.1/24 dev eth0\n  ip -n NS route add default via 10.0.1.254",
    },
];
