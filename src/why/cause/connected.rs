//! What an address brings along, and what it may lack: the route to its
//! network, the local route, the other end's address, the broadcast address.

use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::Address;
use crate::why::Cause;
use crate::why::command::say::show;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};

/// Suspects what goes with the addresses of those on the way.
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

/// The address is there, but the kernel was told not to feel addressed.
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

/// The address is there, but not the route to its network.
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

/// On a link between two points, the other point has another address.
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

/// The address that is asked is no broadcast address in somebody's view.
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
