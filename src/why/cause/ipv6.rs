//! Causes that only IPv6 has: duplicate address detection, `disable_ipv6`, router
//! advertisements, and link-local addresses.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Address, Net, RouteQuestion, Space, conf_key};
use crate::why::Cause;
use crate::why::command::say::nodad;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};
use crate::why::evidence::typed;
use crate::why::look::gate::Gate;
use std::net::{IpAddr, Ipv6Addr};

/// Suspects these causes.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    if !evidence.shot.target.is_some_and(|dst| dst.is_ipv6()) || evidence.shot.reached {
        return found;
    }
    found.extend(without_scope(evidence));
    for space in evidence.spaces_on_the_way() {
        for addr in space.addrs.iter().filter(|addr| addr.tentative || addr.dadfailed) {
            found.extend(tried(evidence, space, addr));
        }
        found.extend(disabled(evidence, space));
    }
    found.extend(advertised(evidence));
    found.extend(half_advertised(evidence));
    found.extend(router_without_route(evidence));
    found.extend(too_narrow(evidence));
    found.extend(without_own(evidence));
    found
}

/// Suspects a link-local target without the link that it belongs to.
fn without_scope(evidence: &Evidence) -> Option<Suspicion> {
    let dst = evidence.shot.target?;
    let IpAddr::V6(ip) = dst else { return None };
    if !ip.is_unicast_link_local() || evidence.probe.to.contains('%') || evidence.probe.interface.is_some() {
        return None;
    }
    let from = evidence.from();
    let near = evidence.ground.ends().filter(|end| end.space.name == from.name).find(|end| {
        let others = evidence.ground.neighbours(&from.name, end.link);
        others.iter().any(|other| {
            other.space.addrs.iter().any(|addr| addr.ip == dst && addr.index == other.link.index)
        })
    });
    let (dev, whose) = match &near {
        Some(end) => (end.link.name.as_str(), ""),
        None => ("DEV", " (DEV is the link by which it is reached)"),
    };
    let mut text = format!(
        "{dst} is a link-local address, of which each link has its own network fe80::/64, and nobody said by which link it is meant: ask for {dst}%{dev}{whose}"
    );
    let routed = |dev: &str| {
        from.routes
            .iter()
            .any(|route| route.dev() == Some(dev) && route.dst.contains(dst) && route.table == 254)
    };
    if near.is_some() && !routed(dev) {
        text += &format!(
            "; and {} has no route to fe80::/64 on {dev}: `{} -6 route add fe80::/64 dev {dev}`",
            from.name,
            evidence.ip(&from.name)
        );
    }
    let suspect = suspect(Cause::LinkLocalWithoutScope, format!("{}: {dst}", from.name), text, Vec::new());
    Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect })
}

/// Suspects an address that duplicate address detection still tests or has rejected.
fn tried(evidence: &Evidence, space: &Space, addr: &Address) -> Option<Suspicion> {
    let (ns, ip, dev) = (&space.name, addr.ip, &addr.dev);
    let matters = Some(ip) == evidence.shot.target
        || Some(ip) == evidence.probe.interface.as_deref().and_then(|name| name.parse().ok())
        || addr.scope == "global";
    let place = format!("{ns}: {ip}");
    if !matters {
        return None;
    }
    if addr.dadfailed {
        let owner = evidence
            .ground
            .owners(ip)
            .into_iter()
            .find(|(owner, other)| (owner.name != *ns || other.index != addr.index) && !other.dadfailed);
        let (who, fix) = match owner {
            Some((owner, _)) => (format!("{} has it", owner.name), Vec::new()),
            None => (
                "somebody had it when it was given, and it stays unusable although it is free now".into(),
                vec![
                    format!("{} addr del {ip}/{} dev {dev}", evidence.ip(ns), addr.prefix_len),
                    format!("{} addr add {ip}/{} dev {dev}{}", evidence.ip(ns), addr.prefix_len, nodad(ip)),
                ],
            ),
        };
        let text = format!("{ns}'s {ip} on {dev} is dadfailed, a duplicate: {who}");
        let suspect = suspect(Cause::Ipv6Dadfailed, place, text, fix);
        return Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect });
    }
    let link = space.link_at(addr.index)?;
    if !link.lower_up {
        return None;
    }
    let text = format!(
        "{ns}'s {ip} on {dev} is still tentative: duplicate address detection takes one to two seconds, in which the address can't be used; wait, or give it with `nodad`"
    );
    let fix = vec![format!(
        "while {} -6 addr show dev {dev} tentative | grep -q inet6; do sleep 0.2; done",
        evidence.ip(ns)
    )];
    let mut suspect = suspect(Cause::Ipv6Tentative, place, text, fix);
    suspect.evidence = vec![format!("{} -6 addr show tentative", evidence.ip(ns))];
    Some(Suspicion { rank: Tier::Named.exact(), sure: false, suspect })
}

/// Suspects IPv6 that is switched off, and names the addresses that were lost or refused.
fn disabled(evidence: &Evidence, space: &Space) -> Option<Suspicion> {
    let ns = &space.name;
    let links = evidence.links_on_the_way();
    let devs: Vec<&str> = links
        .iter()
        .filter(|(at, _)| at.name == *ns)
        .map(|(_, link)| link.name.as_str())
        .chain(
            space
                .links
                .iter()
                .filter(|link| !link.loopback && link.master.is_none())
                .map(|l| l.name.as_str()),
        )
        .collect();
    let all = "net.ipv6.conf.all.disable_ipv6".to_string();
    let of = |dev: &str| conf_key("ipv6", dev, "disable_ipv6");
    let mut off: Vec<&str> = devs.into_iter().filter(|dev| space.switch(&of(dev)) == Some(1)).collect();
    off.dedup();
    off.sort_unstable();
    off.dedup();
    if off.is_empty() {
        return None;
    }
    let keys = match space.switch(&all) {
        Some(1) => vec![all],
        _ => off.iter().map(|dev| of(dev)).collect(),
    };
    let mut fix: Vec<String> = keys.iter().map(|key| evidence.sysctl(ns, key, "0")).collect();
    let mut lost = Vec::new();
    let typed = &evidence.typed;
    for typed in typed.iter().filter(|typed| typed.ns == *ns) {
        let net = typed.words.iter().skip(2).find_map(|word| Net::parse(word));
        let v6 = net.is_some_and(|net| net.ip.is_ipv6())
            || typed.after("via").and_then(|via| via.parse::<IpAddr>().ok()).is_some_and(|via| via.is_ipv6());
        let command = crate::net::typed_words(&typed.raw.iter().map(String::as_str).collect::<Vec<_>>());
        if !v6 {
            continue;
        }
        if typed.is("ip", &["addr", "add"]) {
            let on_it = typed.after("dev").is_some_and(|dev| off.contains(&dev));
            let has = net.is_some_and(|net| space.addrs.iter().any(|addr| addr.ip == net.ip));
            if on_it && !has {
                let quick = if command.contains(" nodad") { "" } else { " nodad" };
                fix.push(format!("{command}{quick}"));
                let how = if typed.command.failed.is_some() { "was refused" } else { "is gone" };
                lost.extend(net.map(|net| format!("{} {how}", net.ip)));
            }
        } else if typed.is("ip", &["route", "add"]) {
            fix.push(command);
        }
    }
    let lost = if lost.is_empty() { String::new() } else { format!("; {}", lost.join(", ")) };
    let text = format!(
        "IPv6 is switched off on {} in {ns} ({}=1): no address, no neighbour discovery{lost}",
        off.join(" and "),
        keys.join("=1, ")
    );
    let mut suspect = suspect(Cause::Ipv6Disabled, format!("{ns}: {}", off.join(", ")), text, fix);
    suspect.evidence = vec![evidence.exec(ns, &format!("sysctl {}", keys.join(" ")))];
    Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect })
}

/// Suspects an interface that ignores router advertisements, or that gets none.
fn advertised(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let (from, Some(dst)) = (evidence.from(), evidence.shot.target) else { return found };
    let ns = &from.name;
    let unreached = evidence.kernel.route_get(ns, &RouteQuestion::to(dst)).is_err();
    if evidence.gate != Gate::Send || !unreached {
        return found;
    }
    let heard = from.counters.contains_key("Icmp6InRouterAdvertisements");
    for end in evidence.ground.ends().filter(|end| end.space.name == *ns && end.addrs(true).next().is_none())
    {
        let dev = &end.link.name;
        let routers = evidence.ground.neighbours(ns, end.link);
        let router = routers.iter().find_map(|other| other.addrs(true).next().map(|addr| (other, addr)));
        let Some((router, addr)) = router else { continue };
        let key = |name: &str| conf_key("ipv6", dev, name);
        let value = |name: &str| from.switch(&key(name));
        let why = match (value("accept_ra"), value("forwarding"), value("autoconf")) {
            (Some(0), forwarding, _) => Some((
                format!("{}=0", key("accept_ra")),
                "accept_ra",
                if forwarding == Some(1) { "2" } else { "1" },
            )),
            (Some(1), Some(1), _) => Some((
                format!(
                    "{}=1: who forwards is a router himself, for whom accept_ra=1 is not enough ({}=1)",
                    key("forwarding"),
                    key("accept_ra")
                ),
                "accept_ra",
                "2",
            )),
            (_, _, Some(0)) => Some((format!("{}=0", key("autoconf")), "autoconf", "1")),
            _ => None,
        };
        if let Some((why, name, value)) = why {
            let text = format!(
                "{ns} takes no router advertisements on {dev}, so it has neither an address nor a default route: {why}"
            );
            let fix = vec![evidence.sysctl(ns, &key(name), value), until_advertised(evidence, ns)];
            let mut suspect = suspect(Cause::Ipv6AdvertisementIgnored, format!("{ns}: {dev}"), text, fix);
            suspect.evidence =
                vec![evidence.exec(ns, &format!("sysctl {} {}", key("accept_ra"), key("forwarding")))];
            let rank = if heard { Tier::Named.plain() } else { Tier::Odd.plain() };
            found.push(Suspicion { rank, sure: heard, suspect });
        }
        if addr.ip == dst {
            continue;
        }
        let net = network(addr.ip, addr.prefix_len);
        let free = evidence.free_address(net);
        let text = format!(
            "{ns} has neither an IPv6 address nor a default route on {dev}: no router advertisement came, and none was given by hand; {} has {}/{} there",
            router.space.name, addr.ip, addr.prefix_len
        );
        let fix = vec![
            format!("{} addr add {free}/{} dev {dev}{}", evidence.ip(ns), addr.prefix_len, nodad(free)),
            format!("{} -6 route add default via {}", evidence.ip(ns), addr.ip),
        ];
        let suspect = suspect(Cause::Ipv6NoAdvertisement, format!("{ns}: {dev}"), text, fix);
        found.push(Suspicion { rank: Tier::Here.close(), sure: false, suspect });
    }
    found
}

/// Suspects a router on the way that has addresses, and no default route since it forwards: it
/// has heard advertisements, and ignored them.
fn router_without_route(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(dst) = evidence.shot.target.filter(IpAddr::is_ipv6) else { return Vec::new() };
    let mut found = Vec::new();
    for space in evidence.spaces_on_the_way() {
        let ns = &space.name;
        let heard = space.counters.contains_key("Icmp6InRouterAdvertisements");
        if !heard || evidence.kernel.route_get(ns, &RouteQuestion::to(dst)).is_ok() {
            continue;
        }
        let ignores = |end: &End| {
            let key = |name: &str| conf_key("ipv6", &end.link.name, name);
            let value = |name: &str| space.switch(&key(name));
            let routers = evidence.ground.neighbours(ns, end.link);
            let forwards = |other: &End| {
                other.space.switch(&conf_key("ipv6", &other.link.name, "forwarding")) == Some(1)
            };
            (value("accept_ra"), value("forwarding")) == (Some(1), Some(1)) && routers.iter().any(forwards)
        };
        for end in evidence.ground.ends().filter(|end| end.space.name == *ns).filter(ignores) {
            let dev = &end.link.name;
            let key = |name: &str| conf_key("ipv6", dev, name);
            let text = format!(
                "{ns} has heard router advertisements, and takes no default route from them on {dev}: who forwards is a router himself ({}=1), for whom {}=1 is not enough",
                key("forwarding"),
                key("accept_ra")
            );
            let fix = vec![evidence.sysctl(ns, &key("accept_ra"), "2"), until_advertised(evidence, ns)];
            let mut suspect = suspect(Cause::Ipv6AdvertisementIgnored, format!("{ns}: {dev}"), text, fix);
            suspect.evidence =
                vec![evidence.exec(ns, &format!("sysctl {} {}", key("accept_ra"), key("forwarding")))];
            found.push(Suspicion { rank: Tier::Named.close(), sure: true, suspect });
        }
    }
    found
}

/// Returns a command that waits until an advertisement has been accepted.
fn until_advertised(evidence: &Evidence, ns: &str) -> String {
    format!(
        "for i in $(seq 60); do {ip} -6 route show default | grep -q . && {ip} -6 addr show scope global -tentative | grep -q inet6 && break; sleep 0.1; done",
        ip = evidence.ip(ns)
    )
}

/// Suspects an interface that takes only half of a router advertisement: the network
/// without the default route, or the reverse.
fn half_advertised(evidence: &Evidence) -> Vec<Suspicion> {
    let (from, mut found) = (evidence.from(), Vec::new());
    if !from.counters.contains_key("Icmp6InRouterAdvertisements") {
        return found;
    }
    let ns = &from.name;
    for link in from.links.iter().filter(|link| !link.loopback && link.up && link.master.is_none()) {
        let key = |name: &str| conf_key("ipv6", &link.name, name);
        let global = from
            .addrs
            .iter()
            .any(|addr| addr.index == link.index && addr.ip.is_ipv6() && addr.scope == "global");
        let default = from.routes.iter().any(|route| route.dst.len == 0 && route.dst.ip.is_ipv6());
        let (name, lacks) = match (global, default) {
            (true, false) => ("accept_ra_defrtr", "a default route"),
            (false, true) if from.switch(&key("autoconf")) == Some(0) => ("autoconf", "an address"),
            (false, true) => ("accept_ra_pinfo", "an address"),
            _ => continue,
        };
        if from.switch(&key(name)) != Some(0) {
            continue;
        }
        let text = format!(
            "router advertisements come to {} in {ns}, and it does not take {lacks} from them: {}=0",
            link.name,
            key(name)
        );
        let fix = vec![evidence.sysctl(ns, &key(name), "1"), until_advertised(evidence, ns)];
        let mut suspect = suspect(Cause::Ipv6AdvertisementIgnored, format!("{ns}: {}", link.name), text, fix);
        suspect.evidence = vec![evidence.exec(ns, &format!("sysctl {}", key(name)))];
        found.push(Suspicion { rank: Tier::Named.plain(), sure: true, suspect });
    }
    found
}

/// Suspects links whose MTU is too small for IPv6, so that they lost their IPv6
/// addresses.
fn too_narrow(evidence: &Evidence) -> Vec<Suspicion> {
    /// The smallest MTU that IPv6 allows (RFC 8200).
    const LEAST: u32 = 1280;
    let typed = &evidence.typed;
    let mut found = Vec::new();
    for end in evidence.ground.ends().filter(|end| end.link.mtu < LEAST) {
        let (ns, dev) = (&end.space.name, &end.link.name);
        let near = evidence.ground.neighbours(ns, end.link);
        let mtu = near.iter().map(|end| end.link.mtu).max().unwrap_or(1500).max(LEAST);
        let mut fix = vec![format!("{} link set {dev} mtu {mtu}", evidence.ip(ns))];
        let mut lost = Vec::new();
        let given = typed::given(typed).into_iter().filter(|given| given.ns == *ns && given.dev == *dev);
        for given in given.filter(|given| given.ip.is_ipv6()) {
            if !end.space.addrs.iter().any(|addr| addr.ip == given.ip) {
                fix.push(format!("{} addr add {} dev {dev}{}", evidence.ip(ns), given.text, nodad(given.ip)));
                lost.push(given.text);
            }
        }
        if lost.is_empty() {
            continue;
        }
        let text = format!(
            "{dev} in {ns} has an MTU of {}, and IPv6 wants {LEAST} at least: below that the kernel switches it off there, and {} is gone",
            end.link.mtu,
            lost.join(" and ")
        );
        let mut suspect = suspect(Cause::Ipv6Disabled, format!("{ns}: {dev}"), text, fix);
        suspect.evidence = vec![format!("{} link show {dev}", evidence.ip(ns))];
        found.push(Suspicion { rank: Tier::Named.exact(), sure: true, suspect });
    }
    found
}

/// Suspects routers' links without a link-local address. A router that forwards sends its
/// neighbour solicitations from there, since the packet's source is not its own (RFC
/// 4861, 7.2.2); without one it sends none.
fn without_own(evidence: &Evidence) -> Vec<Suspicion> {
    let ends: Vec<&str> = evidence.targets().iter().map(|space| space.name.as_str()).collect();
    let way = evidence.spaces_on_the_way();
    let routers =
        way.iter().filter(|space| space.name != evidence.probe.from && !ends.contains(&space.name.as_str()));
    let mut found = Vec::new();
    for space in routers {
        for link in space.links.iter().filter(|link| link.up && !link.loopback) {
            let (ns, dev) = (&space.name, &link.name);
            let has_own = |addr: &Address| addr.index == link.index && is_link_local(addr.ip);
            let is_off = space.switch(&conf_key("ipv6", dev, "disable_ipv6")) == Some(1);
            let speaks = evidence.ground.neighbours(ns, link).iter().any(|end| {
                end.space.addrs.iter().any(|addr| addr.index == end.link.index && addr.ip.is_ipv6())
            });
            let Some(own) = from_mac(&link.mac) else { continue };
            if is_off || !speaks || space.addrs.iter().any(has_own) {
                continue;
            }
            let fix = vec![format!("{} addr add {own}/64 dev {dev} nodad", evidence.ip(ns))];
            let text = format!(
                "{dev} in {ns} has no link-local address (fe80::…), from which {ns} asks for the neighbours there when it forwards: it asks nobody"
            );
            let mut suspect = suspect(Cause::Ipv6LinkLocalMissing, format!("{ns}: {dev}"), text, fix);
            suspect.evidence = vec![format!("{} -6 addr show dev {dev}", evidence.ip(ns))];
            found.push(Suspicion { rank: Tier::OnTheWay.close(), sure: true, suspect });
        }
    }
    found
}

pub(super) fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Returns the link-local address that a hardware address makes (RFC 4291, appendix A).
fn from_mac(mac: &str) -> Option<Ipv6Addr> {
    let bytes: Option<Vec<u16>> = mac.split(':').map(|part| u16::from_str_radix(part, 16).ok()).collect();
    let [a, b, c, d, evidence, f] = bytes?[..] else { return None };
    Some(Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, evidence << 8 | f))
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::Ipv6Disabled,
        title: "IPv6 is switched off",
        symptom: "`Permission denied` when an address is given; `Network is unreachable`, or no answer to neighbour solicitations.",
        cause: "With `disable_ipv6=1` an interface has no IPv6 address, not even fe80, and takes no IPv6 packet. Docker sets it.",
        evidence: "`all` and the interface's own have to be 0:\n  ip netns exec NS sysctl net.ipv6.conf.DEV.disable_ipv6",
        cure: "Switch it on, and give the addresses again:\n  ip netns exec NS sysctl -w net.ipv6.conf.DEV.disable_ipv6=0",
    },
    Page {
        id: Cause::Ipv6Tentative,
        title: "an IPv6 address is still being tried",
        symptom: "`bind: Cannot assign requested address`, or silence in the first two seconds.",
        cause: "Before an IPv6 address can be used, the kernel asks whether somebody has it already (duplicate address detection). Until then it is `tentative`.",
        evidence: "It stands here until then:\n  ip -n NS -6 addr show tentative",
        cure: "Wait, or give it with `nodad`:\n  while ip -n NS -6 addr show tentative | grep -q .; do sleep 1; done",
    },
    Page {
        id: Cause::Ipv6Dadfailed,
        title: "an IPv6 address was found to be somebody else's",
        symptom: "The address is shown, and can't be used nor reached.",
        cause: "When it was given, somebody else had it. It stays unusable, even when the other one has gone.",
        evidence: "The word `dadfailed`:\n  ip -n NS -6 addr show dev DEV",
        cure: "Give it again:\n  ip -n NS addr del ADDR/LEN dev DEV\n  ip -n NS addr add ADDR/LEN dev DEV nodad",
    },
    Page {
        id: Cause::Ipv6AdvertisementIgnored,
        title: "router advertisements come, and are not taken",
        symptom: "`Network is unreachable`; only an address that begins with fe80.",
        cause: "With `accept_ra=0` they are ignored, and with `accept_ra=1` as well by who forwards itself: only 2 takes them then. With `autoconf=0` no address is made of them.",
        evidence: "Compare the two:\n  ip netns exec NS sysctl -ar 'DEV.(accept_ra|forwarding)$'",
        cure: "Take them, and wait for the next one:\n  ip netns exec NS sysctl -w net.ipv6.conf.DEV.accept_ra=2",
    },
    Page {
        id: Cause::Ipv6NoAdvertisement,
        title: "nobody tells where the IPv6 router is",
        symptom: "`Network is unreachable`; only an address that begins with fe80.",
        cause: "Addresses and default routes of IPv6 come by router advertisements, which a program on the router sends (radvd, dnsmasq). None runs, and none was given by hand.",
        evidence: "No default route:\n  ip -n NS -6 route\n  ip -n NS -6 addr",
        cure: "Run one, or give both by hand:\n  ip -n NS addr add ADDR/64 dev DEV\n  ip -n NS -6 route add default via ROUTER",
    },
    Page {
        id: Cause::Ipv6LinkLocalMissing,
        title: "a router's link has no link-local address",
        symptom: "`Destination unreachable: Address unreachable`, or silence; the router's own pings work.",
        cause: "When it forwards, a router asks for its neighbours from the link's own address fe80::… It is gone, as after `ip addr flush`, or was never made (addr_gen_mode=1), and the router asks nobody.",
        evidence: "No line with fe80:\n  ip -n NS -6 addr show dev DEV",
        cure: "Give it one, or switch the link off and on, which makes one and takes the other IPv6 addresses:\n  ip -n NS addr add fe80::1/64 dev DEV nodad",
    },
    Page {
        id: Cause::LinkLocalWithoutScope,
        title: "a link-local address without the link",
        symptom: "`Invalid argument`, or `Network is unreachable`, for an address that begins with fe80.",
        cause: "Each link has its own network fe80::/64, so that the address alone does not say where it is.",
        evidence: "Which link leads there:\n  ip -n NS -6 route show fe80::/64",
        cure: "Name the link behind a `%`:\n  ip netns exec NS ping -c1 fe80::2%DEV",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_makes_a_link_local_one() {
        let made = |mac: &str| from_mac(mac).map(|ip| ip.to_string());
        assert_eq!(made("1e:f7:1a:19:9f:ba").as_deref(), Some("fe80::1cf7:1aff:fe19:9fba"));
        assert_eq!(made(""), None);
    }
}
