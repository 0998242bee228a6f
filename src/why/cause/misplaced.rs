//! Addresses that one link of a namespace has, and another was meant to have:
//! the others of their network are on that one's wire.

use super::address::{nodad, show};
use super::{Evidence, Suspicion, suspect, weight};
use crate::net::survey::{Address, Net, Space};
use crate::why::Cause;
use crate::why::ground::{End, network};

/// Suspects addresses on the wrong link of those on the way.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let spaces = evidence.spaces_on_the_way();
    let ends = evidence.ground.ends().filter(|end| spaces.iter().any(|space| space.name == end.space.name));
    ends.flat_map(|end| {
        end.addrs(v6).filter_map(move |addr| misplaced(evidence, end, addr)).collect::<Vec<_>>()
    })
    .collect()
}

fn misplaced(evidence: &Evidence, end: End, addr: &Address) -> Option<Suspicion> {
    let net = network(addr.ip, addr.prefix_len);
    let right = right_link(evidence, end.space, net).filter(|right| right.port() != end.port())?;
    // A bridge that nobody is behind has rather lost a port.
    let is_in_use = || {
        let mut addrs = end.addrs(addr.ip.is_ipv6());
        addrs.any(|addr| has_fellows(evidence, end, network(addr.ip, addr.prefix_len)))
    };
    if has_fellows(evidence, end, net) || end.link.kind == "bridge" && !is_in_use() {
        return None;
    }
    let (ns, wrong, dev) = (&end.space.name, &end.link.name, &right.link.name);
    let text = format!(
        "{ns} has {} on {wrong}, where nobody else is in {net}: the others of that network are on the wire of {dev}",
        show(addr)
    );
    let ip = evidence.ip(ns);
    let mut fix = vec![
        format!("{ip} addr del {} dev {wrong}", show(addr)),
        format!("{ip} addr add {} dev {dev}{}", show(addr), nodad(addr.ip)),
    ];
    let through = end.space.routes.iter().filter(|route| {
        route.dev() == Some(wrong.as_str()) && route.via().is_some_and(|via| net.contains(via))
    });
    for route in through {
        let family = if route.dst.ip.is_ipv6() { " -6" } else { "" };
        let table = if route.table == 254 { String::new() } else { format!(" table {}", route.table) };
        fix.extend(
            route.via().map(|via| format!("{ip}{family} route replace {} via {via}{table}", route.dst)),
        );
    }
    let mut suspect = suspect(Cause::AddressOnWrongLink, format!("{ns}: {wrong}"), text, fix);
    suspect.evidence = vec![format!("{ip} -br addr")];
    Some(Suspicion { weight: weight::HERE + 115, sure: true, suspect })
}

/// The link of a namespace that has nothing of a network, and on whose wire
/// there are others of it.
pub(super) fn right_link<'a>(evidence: &Evidence<'a>, space: &Space, net: Net) -> Option<End<'a>> {
    let mut ends = evidence.ground.ends().filter(|end| end.space.name == space.name);
    ends.find(|end| {
        let outside = |addr: &Address| !net.contains(addr.ip);
        end.addrs(net.ip.is_ipv6()).all(outside) && has_fellows(evidence, *end, net)
    })
}

/// Tells whether others on a wire are in a network.
fn has_fellows(evidence: &Evidence, end: End, net: Net) -> bool {
    let near = evidence.ground.neighbours(&end.space.name, end.link);
    let others = near.iter().filter(|other| other.space.name != end.space.name);
    others.flat_map(|other| other.addrs(net.ip.is_ipv6())).any(|addr| net.contains(addr.ip))
}
