//! Addresses that no interface has although one should: missing ones, and slips.

use super::masquerade::listens;
use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Address, LinkKind};
use crate::why::Cause;
use crate::why::command::say::{nodad, show};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};
use crate::why::evidence::typed;
use crate::why::look::translation::{Rewrites, aim, rewrites};
use std::net::IpAddr;

/// Tells whether the last parts of two addresses have a digit in common.
fn shares_digit(one: IpAddr, other: IpAddr) -> bool {
    let last = |ip: IpAddr| ip.to_string().rsplit(['.', ':']).next().unwrap_or_default().to_string();
    let other = last(other);
    last(one).chars().any(|digit| other.contains(digit))
}

/// Suspects interfaces that may be meant to have the target's address, which no namespace
/// has.
pub(super) fn nobody_has(evidence: &Evidence, dst: IpAddr) -> Vec<Suspicion> {
    let from = evidence.probe.from.as_str();
    let mut found = Vec::new();
    let near: Vec<End> = evidence.near();
    let typed = &evidence.typed;
    // An address that is a gateway's, or to which DNAT sends, is meant as it is.
    let walls = evidence.shot.walls.iter().flat_map(|wall| &wall.after.rules);
    let published = walls.filter(|rule| rewrites(rule) == Some(Rewrites::Destination));
    let published = published.filter_map(|rule| aim(rule).0);
    let known: Vec<IpAddr> = evidence.gateways().into_iter().chain(published).collect();
    let bare = |end: &End| end.addrs(dst.is_ipv6()).next().is_none() && end.link.kind != LinkKind::Bridge;
    // Some have their address on lo.
    let spaces = evidence.survey.spaces.iter();
    let los = spaces.flat_map(|space| space.links.iter().map(move |link| End { space, link }));
    let los = los.filter(|end| end.link.loopback);
    for end in evidence.ground.ends().chain(los).filter(|end| end.space.name != from) {
        let is_near =
            near.iter().any(|near| near.space.name == end.space.name && near.link.index == end.link.index);
        let tier = if is_near { Tier::Here } else { Tier::Elsewhere };
        let addrs: Vec<&Address> = end.addrs(dst.is_ipv6()).filter(|addr| addr.scope != "host").collect();
        let (space, dev) = (&end.space.name, &end.link.name);
        let once = typed::once_given(typed, space, dev).into_iter().find(|(ip, _)| *ip == dst);
        // A loopback, or a link with other addresses, is suspected only if it had this one.
        if let Some((_, given)) = once.as_ref().filter(|_| end.link.loopback || !addrs.is_empty()) {
            let text = format!("nobody has {dst} any more: {space} has lost it on {dev}");
            let fix = vec![format!("{} addr add {given} dev {dev}{}", evidence.ip(space), nodad(dst))];
            found.push(Suspicion {
                rank: tier.max(Tier::Here).exact(),
                sure: false,
                suspect: suspect(Cause::AddressMissing, format!("{space}: {dev}"), text, fix),
            });
        }
        for addr in addrs.iter().filter(|addr| !known.contains(&addr.ip)) {
            let apart = strsim::damerau_levenshtein(&addr.ip.to_string(), &dst.to_string());
            let len = evidence.prefix_len_for(dst).unwrap_or(addr.prefix_len);
            let text = format!(
                "nobody has {dst}: {space} has {} on {dev}, which looks like a slip for {dst}/{len}",
                show(addr)
            );
            let fix = vec![
                format!("{} addr del {} dev {dev}", evidence.ip(space), show(addr)),
                format!("{} addr add {dst}/{len} dev {dev}{}", evidence.ip(space), nodad(dst)),
            ];
            // So is an address of the target's network, if another end has none.
            let fits = network(addr.ip, addr.prefix_len).contains(dst) && near.iter().any(bare);
            // The namespace that asks the wire for the target is hardly the target.
            let asks = evidence.asks_for(space, dst) && !shares_digit(addr.ip, dst);
            let is_slip = !fits && !asks && (apart <= 2 || apart <= 4 && evidence.odd_one_out(end, addr));
            let rank = if is_slip {
                // A digit too many is likelier than another one, and so is who has the service.
                let serves = evidence.probe.tcp.is_some_and(|port| listens(end.space, addr.ip, port));
                let likely = i8::from(shares_digit(addr.ip, dst)) + i8::from(serves);
                tier.plain().near(5 - apart.min(5) as i8 + likely)
            } else {
                Tier::Odd.loose().near(if asks { -1 } else { 15 - apart.min(15) as i8 })
            };
            found.push(Suspicion {
                rank,
                sure: false,
                suspect: suspect(Cause::AddressTypo, format!("{space}: {dev}"), text, fix),
            });
        }
        if addrs.is_empty() && end.link.kind != LinkKind::Bridge && !end.link.loopback {
            let len = evidence.prefix_len_for(dst).unwrap_or(24);
            let now = if once.is_some() { "lost it, and has no address" } else { "no address" };
            let text = format!("nobody has {dst}: {space} has {now} on {dev}");
            let fix = vec![format!("{} addr add {dst}/{len} dev {dev}{}", evidence.ip(space), nodad(dst))];
            // Macvlans are meant to talk to each other.
            let alike = near.iter().any(|near| near.port() == end.port())
                && evidence
                    .from()
                    .links
                    .iter()
                    .any(|own| own.kind == end.link.kind && own.kind == LinkKind::Macvlan);
            // A bare link on the wire where DNAT's new destination is asked for.
            let asked = evidence.stuck.translated.is_some() && evidence.is_asked_for(end, dst);
            let tier = if asked { Tier::Named } else { tier };
            found.push(Suspicion {
                rank: if once.is_some() || asked { tier.exact() } else { tier.plain() }
                    .near(i8::from(alike || asked)),
                sure: false,
                suspect: suspect(Cause::AddressMissing, format!("{space}: {dev}"), text, fix),
            });
        }
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::AddressTypo,
    title: "an address differs by a slip from the one that is meant",
    symptom: "`Destination Host Unreachable`: nobody answers for the address, and somebody has one that looks almost the same.",
    cause: "A digit is wrong, missing, or in another place.",
    evidence: "Compare digit by digit:\n  ip -n NS addr show dev DEV",
    cure: "Give the right one in its place:\n  ip -n NS addr del WRONG/LEN dev DEV\n  ip -n NS addr add RIGHT/LEN dev DEV",
}];
