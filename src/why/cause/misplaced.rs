//! Addresses on the wrong link of a namespace: the other addresses of their network are
//! on the wire of another link.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Address, LinkKind};
use crate::why::Cause;
use crate::why::command::say::{nodad, show, table};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};

/// Suspects such addresses on the way.
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
    let right = evidence.ground.right_link(end.space, net).filter(|right| right.port() != end.port())?;
    // A bridge without stations has more likely lost a port.
    let is_in_use = || {
        let mut addrs = end.addrs(addr.ip.is_ipv6());
        addrs.any(|addr| evidence.ground.has_fellows(end, network(addr.ip, addr.prefix_len)))
    };
    if evidence.ground.has_fellows(end, net) || end.link.kind == LinkKind::Bridge && !is_in_use() {
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
        let table = table(route);
        fix.extend(
            route.via().map(|via| format!("{ip}{family} route replace {} via {via}{table}", route.dst)),
        );
    }
    let mut suspect = suspect(Cause::AddressOnWrongLink, format!("{ns}: {wrong}"), text, fix);
    suspect.evidence = vec![format!("{ip} -br addr")];
    Some(Suspicion { rank: Tier::Here.exact(), sure: true, suspect })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::AddressOnWrongLink,
    title: "an address was given to another link of its namespace than was meant",
    symptom: "Silence, or `Destination Host Unreachable`: the route to the network leads out of a link where none of it is.",
    cause: "`dev` names another link. An address brings a route to its network by its own link, and ARP questions are asked there.",
    evidence: "Which link is on whose wire?\n  ip -n NS -br addr\n  ip -n NS route",
    cure: "Give it to the right one:\n  ip -n NS addr del ADDR/LEN dev WRONG\n  ip -n NS addr add ADDR/LEN dev RIGHT",
}];
