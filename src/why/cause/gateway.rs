//! Gateways: addresses that no namespace has although one should, and addresses that a
//! namespace shares with its gateway.

use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{Address, Link, LinkKind, RouteQuestion, Space};
use crate::why::Cause;
use crate::why::command::say::{nodad, show};
use crate::why::evidence::Evidence;
use crate::why::evidence::fib;
use crate::why::evidence::ground::{End, network};
use std::net::IpAddr;

/// Suspects interfaces on the wire of a gateway address that nobody has: those without an
/// address, or with one of another network. Also suspects namespaces that have their own
/// gateway's address.
pub(super) fn find(evidence: &Evidence, v6: bool) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for space in evidence.spaces_on_the_way() {
        found.extend(one_s_own(evidence, space, v6));
        for hop in
            space.routes.iter().filter(|route| route.dst.ip.is_ipv6() == v6).flat_map(|route| &route.hops)
        {
            let (Some(via), Some(link)) = (hop.via, space.link(&hop.dev)) else { continue };
            found.extend(twice(evidence, space, via, link));
            if !evidence.ground.owners(via).is_empty() {
                continue;
            }
            // A bridge without an address is a switch, unless its namespace is a router.
            let routes = |space: &Space| {
                space.name == "host"
                    || !evidence.is_no_router(space, via)
                        && space.addrs.iter().any(|addr| {
                            addr.ip.is_ipv6() == v6 && !matches!(addr.scope.as_str(), "host" | "link")
                        })
            };
            let bare = |end: &End| {
                end.addrs(v6).next().is_none() && (end.link.kind != LinkKind::Bridge || routes(end.space))
            };
            let ends = evidence.ground.neighbours(&space.name, link);
            found.extend(ends.iter().filter_map(|end| not_the_gateway(evidence, space, via, *end)));
            let [end] = ends.iter().filter(|end| bare(end)).collect::<Vec<_>>()[..] else { continue };
            let len = evidence.prefix_len_for(via).unwrap_or(24);
            let (other, dev) = (&end.space.name, &end.link.name);
            let text = format!(
                "{other} has no address on {dev}, where {} expects its gateway {via}: nobody has that address",
                space.name
            );
            let fix = vec![format!("{} addr add {via}/{len} dev {dev}{}", evidence.ip(other), nodad(via))];
            found.push(Suspicion {
                rank: Tier::Here.close(),
                sure: false,
                suspect: suspect(Cause::AddressMissing, format!("{other}: {dev}"), text, fix),
            });
        }
    }
    found
}

/// Suspects one of two namespaces that have a gateway's address on its wire: the one that got
/// the packet, and has not delivered it.
fn twice(evidence: &Evidence, space: &Space, via: IpAddr, link: &Link) -> Option<Suspicion> {
    let ends = evidence.ground.neighbours(&space.name, link);
    let is_on_wire = |owner: &Space, addr: &Address| {
        ends.iter().any(|end| end.space.name == owner.name && end.link.index == addr.index)
    };
    let owners: Vec<(&Space, &Address)> =
        evidence.ground.owners(via).into_iter().filter(|(owner, addr)| is_on_wire(owner, addr)).collect();
    let got = |(owner, addr): &&(&Space, &Address)| {
        owner.name == evidence.stuck.ns
            && evidence.shot.sightings.iter().any(|seen| {
                let packet = matches!(evidence.shot.passed(seen), Some(Passed::Request | Passed::Reply));
                packet && !seen.out && !seen.for_another && seen.netns == owner.name && seen.dev == addr.dev
            })
    };
    let (stray, addr) = owners.iter().find(got)?;
    let (right, _) = owners.iter().find(|(owner, _)| owner.name != stray.name)?;
    // The one that has a way on is the gateway.
    let leads = |owner: &Space| {
        let dst = evidence.stuck.ends.map(|(_, dst)| dst);
        let way = dst.map(|dst| evidence.kernel.route_get(&owner.name, &RouteQuestion::to(dst)));
        way.is_some_and(|way| way.is_ok_and(|route| fib::is_usable(&route)))
    };
    if leads(stray) && !leads(right) {
        return None;
    }
    let (ns, dev) = (&stray.name, &addr.dev);
    let text = format!(
        "{ns} has {via} as well as {}, the gateway of {}: what {} sends by it ends in {ns}",
        right.name, space.name, space.name
    );
    let fix = vec![
        format!("{} addr del {} dev {dev}", evidence.ip(ns), show(addr)),
        format!("{} neigh flush to {via} dev {}", evidence.ip(&space.name), link.name),
    ];
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{ns}: {via}"), text, fix);
    suspect.evidence = vec![
        format!("{} neigh show to {via}", evidence.ip(&space.name)),
        format!("{} addr show to {via}", evidence.ip(ns)),
    ];
    Some(Suspicion { rank: Tier::Here.exact(), sure: false, suspect })
}

/// Suspects a namespace of having the address of its own gateway.
fn one_s_own(evidence: &Evidence, space: &Space, v6: bool) -> Option<Suspicion> {
    let routes = space.routes.iter().filter(|route| route.dst.ip.is_ipv6() == v6);
    let mut hops = routes.flat_map(|route| &route.hops).filter_map(|hop| hop.via);
    let (via, own) = hops.find_map(|via| Some((via, space.addrs.iter().find(|addr| addr.ip == via)?)))?;
    let (owner, _) = evidence.ground.owners(via).into_iter().find(|(owner, _)| owner.name != space.name)?;
    let (ns, dev) = (&space.name, &own.dev);
    let text = format!(
        "{ns} has {via} itself, on {dev}, and its gateway {} has that address as well: what {ns} sends there never leaves it",
        owner.name
    );
    let fix = vec![format!("{} addr del {} dev {dev}", evidence.ip(ns), show(own))];
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{ns}: {via}"), text, fix);
    suspect.evidence = vec![format!("{} route get {via}", evidence.ip(ns))];
    Some(Suspicion { rank: Tier::Here.exact(), sure: true, suspect })
}

/// Suspects the address of an interface that should be a gateway: no neighbour is in its
/// network.
fn not_the_gateway(evidence: &Evidence, space: &Space, via: IpAddr, end: End) -> Option<Suspicion> {
    let mut addrs = end.addrs(via.is_ipv6());
    let addr = addrs.next().filter(|addr| evidence.odd_one_out(end, addr))?;
    let expected = space.addrs.iter().find(|own| network(own.ip, own.prefix_len).contains(via))?;
    if addrs.next().is_some() || expected.prefix_len >= evidence.most(via.is_ipv6()) {
        return None;
    }
    let (other, dev, len) = (&end.space.name, &end.link.name, expected.prefix_len);
    let text = format!(
        "{other} has {} on {dev}, where {} expects its gateway {via}: nobody has that address, and nobody else on the wire is in the network of {}",
        show(addr),
        space.name,
        show(addr)
    );
    let fix = vec![
        format!("{} addr del {} dev {dev}", evidence.ip(other), show(addr)),
        format!("{} addr add {via}/{len} dev {dev}{}", evidence.ip(other), nodad(via)),
    ];
    let suspect = suspect(Cause::AddressTypo, format!("{other}: {dev}"), text, fix);
    Some(Suspicion { rank: Tier::Here.close(), sure: false, suspect })
}

impl Evidence<'_> {
    /// Returns the gateways of all routes, including lost and refused ones.
    pub(super) fn gateways(&self) -> Vec<IpAddr> {
        let routes = self.survey.spaces.iter().flat_map(|space| &space.routes);
        let there = routes.flat_map(|route| route.hops.iter().filter_map(|hop| hop.via));
        let typed = self.typed.iter().filter_map(|typed| typed.after("via")?.parse().ok());
        there.chain(typed).collect()
    }
}
