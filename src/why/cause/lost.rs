//! Addresses and routes of the lab that got lost although no command took them back.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Net, Space, conf_key};
use crate::why::Cause;
use crate::why::command::say::nodad;
use crate::why::evidence::Evidence;
use crate::why::evidence::typed::{self, Given, Since, Typed};
use std::net::IpAddr;

/// Suspects the commands that took them along.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let typed = &evidence.typed;
    let mut found = Vec::new();
    for given in typed::given(typed) {
        found.extend(lost(evidence, typed, &given));
    }
    found.extend(lost_routes(evidence, typed));
    found
}

/// Suspects an address that was given and is not there any more.
fn lost(evidence: &Evidence, typed: &[Typed], given: &Given) -> Option<Suspicion> {
    let space = evidence.survey.space(&given.ns)?;
    if space.addrs.iter().any(|addr| addr.ip == given.ip) {
        return None;
    }
    let link = space.link(&given.dev);
    let Given { ns, dev, ip, text: addr, since } = given;
    let mut fix = Vec::new();
    let (id, why) = match (since.last()?, link) {
        (Since::LinkDeleted(what), None) => {
            fix.extend(made_again(evidence, typed, dev)?);
            (
                Cause::VethDeleted,
                format!(
                    "the link {dev} of {ns} is gone: {what} was deleted, and a veth pair is one thing with two ends, so that deleting either takes both"
                ),
            )
        }
        (_, None) => return None,
        (Since::Moved(command), Some(_)) => (
            Cause::AddressLostByMove,
            format!(
                "{dev} was given {addr} before it was moved (`{command}`), and a move to another namespace takes a link's addresses and routes and switches it off"
            ),
        ),
        (Since::Down, Some(_)) if ip.is_ipv6() => (
            Cause::Ipv6AddressLostByDown,
            format!(
                "{dev} in {ns} lost {addr} when it was switched off: IPv6 addresses don't outlive that, unlike IPv4 ones (keep_addr_on_down=0)"
            ),
        ),
        (Since::OtherDeleted(other), Some(_)) => (
            Cause::SecondaryAddressLost,
            format!(
                "{dev} in {ns} lost {addr} when {other} was deleted: a primary address takes the secondary ones of its network with it (promote_secondaries=0)"
            ),
        ),
        _ => return None,
    };
    if let Some(link) = link {
        if space.switch(&conf_key("ipv6", dev, "disable_ipv6")) == Some(1) && ip.is_ipv6() {
            fix.push(evidence.sysctl(ns, &conf_key("ipv6", dev, "disable_ipv6"), "0"));
        }
        fix.push(format!("{} addr add {addr} dev {dev}{}", evidence.ip(ns), nodad(*ip)));
        if !link.up {
            fix.push(format!("{} link set {dev} up", evidence.ip(ns)));
        }
    }
    Some(Suspicion {
        rank: Tier::Here.exact(),
        sure: false,
        suspect: suspect(id, format!("{ns}: {dev}"), why, fix),
    })
}

/// Returns the commands that made a deleted veth pair and configured its ends.
fn made_again(evidence: &Evidence, typed: &[Typed], dev: &str) -> Option<Vec<String>> {
    let made = typed.iter().rev().find(|typed| {
        typed.is("ip", &["link", "add"])
            && typed.command.failed.is_none()
            && typed.words.iter().any(|word| word == dev)
            && typed.words.iter().any(|word| word == "veth")
    })?;
    let mut fix = vec![made.command.command.clone()];
    let names: Vec<&str> = made.words.iter().map(String::as_str).collect();
    let at = typed.iter().position(|typed| std::ptr::eq(typed.command, made.command))?;
    for typed in typed[at + 1..].iter().filter(|typed| typed.command.failed.is_none()) {
        let of = typed.after("dev").or(typed.words.get(2).map(String::as_str)).unwrap_or_default();
        let is_about = typed.program == "ip" && names.contains(&of);
        let gives = typed.is("ip", &["addr", "add"])
            || typed.is("ip", &["link", "set"])
            || typed.is("ip", &["route", "add"]);
        let exists = evidence.survey.space(&typed.ns).is_some_and(|space| space.link(of).is_some());
        if is_about && gives && !exists {
            fix.push(typed.command.command.clone());
        }
    }
    Some(fix)
}

/// Suspects routes that were added, that no command deleted, and that are not there.
fn lost_routes(evidence: &Evidence, typed: &[Typed]) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for (at, route) in typed.iter().enumerate() {
        let added = route.is("ip", &["route", "add"])
            || route.is("ip", &["route", "replace"])
            || route.is("ip", &["route", "append"]);
        if !added || route.command.failed.is_some() || route.words.iter().any(|word| word == "table") {
            continue;
        }
        let Some(dst) = dst_of(route) else { continue };
        let deleted = typed[at + 1..].iter().any(|later| {
            later.ns == route.ns
                && (later.is("ip", &["route", "del"]) || later.is("ip", &["route", "flush"]))
                && (later.words.contains(dst) || later.is("ip", &["route", "flush"]))
        });
        let Some(space) = evidence.survey.space(&route.ns) else { continue };
        if deleted || is_there(space, route) {
            continue;
        }
        let ns = &route.ns;
        let mut fix = gone_with(evidence, typed, route);
        let addr =
            typed.iter().find(|one| one.is("ip", &["addr", "add"]) && fix.contains(&one.command.command));
        let (id, place, text) = match addr.and_then(|one| Some((one.words.get(2)?, one.after("dev")?))) {
            Some((addr, dev)) => (
                Cause::AddressMissing,
                format!("{ns}: {dev}"),
                format!(
                    "{ns} has lost {addr} on {dev}, and with it its route to {dst} (`{}`)",
                    route.command.command
                ),
            ),
            None => (
                Cause::RouteLost,
                ns.clone(),
                format!(
                    "{ns} had a route to {dst} and has lost it: a route goes when its link is switched off or moved, or when its source address is deleted (`{}`)",
                    route.command.command
                ),
            ),
        };
        fix.push(route.command.command.clone());
        found.push(Suspicion {
            rank: Tier::Here.exact(),
            sure: false,
            suspect: suspect(id, place, text, fix),
        });
    }
    found
}

/// Returns the commands for the addresses and the neighbours of the link of a lost route that
/// are gone as well: with its last address, a link loses its routes and its neighbours.
fn gone_with(evidence: &Evidence, typed: &[Typed], route: &Typed) -> Vec<String> {
    let (Some(space), Some(dev)) = (evidence.survey.space(&route.ns), link_of(typed, route)) else {
        return Vec::new();
    };
    let is_gone = |one: &&Typed| {
        let of_link = one.command.failed.is_none() && one.ns == route.ns && one.after("dev") == Some(dev);
        let ip = one.words.get(2).and_then(|word| word.split('/').next()?.parse::<IpAddr>().ok());
        let is_neighbour = one.is("ip", &["neigh", "add"]) || one.is("ip", &["neigh", "replace"]);
        let lost = ip.is_some_and(|ip| match is_neighbour {
            true => !space.neighs.iter().any(|known| known.ip == ip),
            false => one.is("ip", &["addr", "add"]) && !space.addrs.iter().any(|known| known.ip == ip),
        });
        of_link && lost
    };
    typed.iter().filter(is_gone).map(|one| one.command.command.clone()).collect()
}

/// Returns the destination of a command about a route.
fn dst_of<'a>(route: &'a Typed) -> Option<&'a String> {
    let kinds = ["blackhole", "unreachable", "prohibit", "throw", "unicast", "local"];
    route.words.iter().skip(2).find(|word| !kinds.contains(&word.as_str()))
}

/// Tells whether the route that a command has added is there.
fn is_there(space: &Space, route: &Typed) -> bool {
    let Some(dst) = dst_of(route) else { return false };
    let is_local = route.words.iter().any(|word| word == "local");
    let named = route.after("table").and_then(|table| table.parse().ok());
    let table = named.unwrap_or(if is_local { 255 } else { 254 });
    space.routes.iter().any(|known| {
        let text = known.dst.to_string();
        known.table == table
            && (text == *dst
                || dst.strip_suffix("/32").is_some_and(|dst| dst == text)
                || (dst == "0.0.0.0/0" || dst == "::/0") && text == "default")
    })
}

/// Returns the commands of the routes by a link, in any table, that are not there any more.
pub(super) fn routes_of(evidence: &Evidence, space: &Space, dev: &str) -> Vec<String> {
    let typed = &evidence.typed;
    let added = typed.iter().filter(|one| one.ns == space.name && one.is("ip", &["route", "add"]));
    let lost = added.filter(|one| {
        one.command.failed.is_none() && link_of(typed, one) == Some(dev) && !is_there(space, one)
    });
    lost.map(|one| one.command.command.clone()).collect()
}

/// Returns the link of a route: the one that its command names, or else the one that got an
/// address in the network of its gateway.
fn link_of<'a>(typed: &'a [Typed], route: &'a Typed) -> Option<&'a str> {
    let by_gateway = || {
        let via: IpAddr = route.after("via")?.parse().ok()?;
        let given = typed.iter().filter(|one| one.ns == route.ns && one.command.failed.is_none());
        let mut given = given.filter(|one| one.is("ip", &["addr", "add"]));
        let covers = |one: &&Typed| {
            one.words.get(2).and_then(|word| Net::parse(word)).is_some_and(|net| net.contains(via))
        };
        given.find(covers)?.after("dev")
    };
    route.after("dev").or_else(by_gateway)
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::VethDeleted,
        title: "a cable is gone, because its other end was deleted",
        symptom: "`Network is unreachable`, and the interface is not there any more.",
        cause: "A veth pair is one thing with two ends. Deleting either end, or the namespace in which it is, takes both.",
        evidence: "The interface is missing:\n  ip -n NS link show",
        cure: "Lay the cable again, and give its ends their addresses:\n  ip link add A netns NS type veth peer name B netns OTHER\n  ip -n NS addr add ADDR/LEN dev A\n  ip -n NS link set A up",
    },
    Page {
        id: Cause::AddressLostByMove,
        title: "a link lost its address when it was moved to another namespace",
        symptom: "`Network is unreachable`: the address was given, and is not there.",
        cause: "A move to another namespace takes a link's addresses and routes, and switches it off.",
        evidence: "No address on it:\n  ip -n NS addr show dev DEV",
        cure: "Move first, then give:\n  ip -n NS addr add ADDR/LEN dev DEV\n  ip -n NS link set DEV up",
    },
    Page {
        id: Cause::Ipv6AddressLostByDown,
        title: "a link lost its IPv6 address when it was switched off",
        symptom: "IPv4 works again after `down` and `up`, IPv6 does not.",
        cause: "IPv4 addresses outlive `down`; IPv6 ones don't, unless `keep_addr_on_down` is 1. The switch `disable_ipv6` takes them too.",
        evidence: "Only an address that begins with fe80 is left:\n  ip -n NS -6 addr show dev DEV",
        cure: "Give it again:\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::SecondaryAddressLost,
        title: "an address went with another one of the same network",
        symptom: "After one address was deleted, a second one is gone as well.",
        cause: "The first address of a network on a link is its primary one. With `promote_secondaries=0`, deleting it takes the others of that network.",
        evidence: "The address is not there, and the switch is 0:\n  ip -n NS addr show dev DEV\n  ip netns exec NS sysctl net.ipv4.conf.DEV.promote_secondaries",
        cure: "Give it again:\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::RouteLost,
        title: "a route went with the link or the address on which it stood",
        symptom: "`Network is unreachable`: the route was added, and is not there.",
        cause: "A route goes when its link is switched off or moved, or the address through which its gateway is reached is deleted. Switching on again brings back only the network of the address.",
        evidence: "The route is missing:\n  ip -n NS route",
        cure: "Add it again, after everything else:\n  ip -n NS route add NETWORK/LEN via GATEWAY",
    },
];
