//! Things that an address brings along and that may be missing or wrong: the route to its
//! network, the local route, the peer's address, the broadcast address.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::Address;
use crate::why::Cause;
use crate::why::command::say::show;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};

/// Suspects these parts of the addresses on the way.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let Some(dst) = evidence.shot.target else { return found };
    let v6 = dst.is_ipv6();
    let spaces = evidence.spaces_on_the_way();
    for end in evidence
        .ground
        .ends()
        .filter(|end| end.link.up && spaces.iter().any(|space| space.name == end.space.name))
    {
        for addr in end.addrs(v6) {
            found.extend(without_local_route(evidence, end, addr));
            found.extend(without_route(evidence, end, addr));
            found.extend(wrong_peer(evidence, end, addr));
            if evidence.probe.broadcast && end.space.name != evidence.probe.from {
                found.extend(wrong_broadcast(evidence, end, addr));
            }
        }
    }
    found
}

/// Suspects an address whose local route is missing, so that the kernel does not take
/// packets to it for its own.
fn without_local_route(evidence: &Evidence, end: End, addr: &Address) -> Option<Suspicion> {
    let (space, dev, ip) = (&end.space.name, &end.link.name, addr.ip);
    let local = end
        .space
        .routes
        .iter()
        .any(|route| route.table == 255 && route.kind == "local" && route.dst.contains(ip));
    if local || addr.tentative || addr.dadfailed {
        return None;
    }
    let text = format!(
        "{space} has {} on {dev}, but its local route was deleted: the kernel takes no packet to {ip} for its own",
        show(addr)
    );
    let fix = vec![format!("{} route add local {ip} dev {dev} table local src {ip}", evidence.ip(space))];
    let mut suspect = suspect(Cause::LocalRouteMissing, format!("{space}: {ip}"), text, fix);
    suspect.evidence = vec![format!("{} route show table local", evidence.ip(space))];
    Some(Suspicion { rank: Tier::Here.close(), sure: false, suspect })
}

/// Suspects an address whose route to its network is missing.
fn without_route(evidence: &Evidence, end: End, addr: &Address) -> Option<Suspicion> {
    let net = network(addr.ip, addr.prefix_len);
    let most = if addr.ip.is_ipv6() { 128 } else { 32 };
    if addr.prefix_len >= most || addr.peer.is_some() || addr.tentative {
        return None;
    }
    let routed = end.space.routes.iter().any(|route| {
        route.table != 255
            && route.dst.len >= addr.prefix_len
            && net.contains(route.dst.ip)
            && route.dst.len > 0
    });
    if routed {
        return None;
    }
    let (space, dev) = (&end.space.name, &end.link.name);
    let zero = matches!(addr.ip, std::net::IpAddr::V4(ip) if ip.octets()[0] == 0);
    if zero {
        return None;
    }
    let why = match addr.noprefixroute {
        true => "it was added with `noprefixroute`",
        false => "it was deleted",
    };
    let text = format!("{space} has {} on {dev}, but no route to {net}: {why}", show(addr));
    let fix = vec![format!("{} route add {net} dev {dev} src {}", evidence.ip(space), addr.ip)];
    Some(Suspicion {
        rank: Tier::Here.close(),
        sure: false,
        suspect: suspect(Cause::ConnectedRouteMissing, format!("{space}: {dev}"), text, fix),
    })
}

/// Suspects an address with `peer` that names another peer than the other end of the link
/// has.
fn wrong_peer(evidence: &Evidence, end: End, addr: &Address) -> Option<Suspicion> {
    let peer = addr.peer?;
    let others = evidence.ground.neighbours(&end.space.name, end.link);
    let [other] = others[..] else { return None };
    let theirs = other.addrs(peer.is_ipv6()).next()?;
    if theirs.ip == peer || network(peer, addr.prefix_len).contains(theirs.ip) {
        return None;
    }
    let (space, dev, ip) = (&end.space.name, &end.link.name, evidence.ip(&end.space.name));
    let text = format!(
        "{space}'s {} on {dev} says that the other end (peer) is {peer}, but that is {}'s {}",
        addr.ip, other.space.name, theirs.ip
    );
    let fix = vec![
        format!("{ip} addr del {} peer {peer}/{} dev {dev}", addr.ip, addr.prefix_len),
        format!("{ip} addr add {} peer {}/{} dev {dev}", addr.ip, theirs.ip, addr.prefix_len),
    ];
    Some(Suspicion {
        rank: Tier::Here.close(),
        sure: false,
        suspect: suspect(Cause::WrongPeer, format!("{space}: {dev}"), text, fix),
    })
}

/// Suspects an address whose mask makes the target no broadcast address.
fn wrong_broadcast(evidence: &Evidence, end: End, addr: &Address) -> Option<Suspicion> {
    let dst = evidence.shot.target?;
    let asker = evidence.from().addrs.iter().find(|own| own.cast() == Some(dst))?;
    let in_net = network(asker.ip, asker.prefix_len).contains(addr.ip);
    if !in_net || addr.cast() == Some(dst) && addr.broadcast.is_none_or(|cast| dst == cast) {
        return None;
    }
    let (space, dev, ip) = (&end.space.name, &end.link.name, evidence.ip(&end.space.name));
    let cast = addr.cast().map_or("none".into(), |cast| cast.to_string());
    let text = format!(
        "{space} has {} on {dev}, whose broadcast address is {cast}: {dst} is one by {}'s /{} only",
        show(addr),
        evidence.probe.from,
        asker.prefix_len
    );
    let fix = vec![
        format!("{ip} addr del {} dev {dev}", show(addr)),
        format!("{ip} addr add {}/{} brd + dev {dev}", addr.ip, asker.prefix_len),
    ];
    Some(Suspicion {
        rank: Tier::Here.close(),
        sure: false,
        suspect: suspect(Cause::NetmaskMismatch, format!("{space}: {dev}"), text, fix),
    })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::NetmaskMismatch,
        title: "the mask is too long or too short for the network on this wire",
        symptom: "`Network is unreachable`, requests that arrive and are never answered, or ARP for addresses that are behind a router.",
        cause: "The mask says who is reached directly. Without one, an IPv4 address gets /32 and an IPv6 address /128: nobody. With one that is longer than the others' some of them are outside; with a shorter one, some are taken for neighbours that are none.",
        evidence: "Compare the numbers behind the slashes:\n  ip -n NS addr show dev DEV\n  ip -n NS route",
        cure: "Give the address again with the mask of the others:\n  ip -n NS addr del ADDR/WRONG dev DEV\n  ip -n NS addr add ADDR/RIGHT dev DEV",
    },
    Page {
        id: Cause::LocalRouteMissing,
        title: "the kernel does not know an address as its own",
        symptom: "The address is configured, and yet the namespace does not answer for it.",
        cause: "With an address, the kernel adds a route to it in the table local. That route was deleted, or the table is not asked.",
        evidence: "No line `local ADDR`, or no rule that looks there:\n  ip -n NS route show table local\n  ip -n NS rule",
        cure: "Add it again:\n  ip -n NS route add local ADDR dev DEV table local",
    },
    Page {
        id: Cause::WrongPeer,
        title: "an address names another peer than the one at the other end",
        symptom: "`Network is unreachable`, or the request goes elsewhere.",
        cause: "An address with `peer` brings a route to that peer alone, in place of one to its network.",
        evidence: "The address behind `peer`:\n  ip -n NS addr show dev DEV",
        cure: "Give the address again with the right peer:\n  ip -n NS addr del ADDR peer WRONG dev DEV\n  ip -n NS addr add ADDR peer RIGHT dev DEV",
    },
    Page {
        id: Cause::ConnectedRouteMissing,
        title: "the route to the network of one's own address is missing",
        symptom: "`Network is unreachable`, although the address and its mask are right.",
        cause: "With an address, the kernel adds the route to its network, unless `noprefixroute` is said. It may have been deleted as well.",
        evidence: "No line `proto kernel scope link`:\n  ip -n NS route\n  ip -n NS addr show dev DEV",
        cure: "Add it:\n  ip -n NS route add NETWORK/LEN dev DEV",
    },
];
