//! Owners of addresses, and addresses that are of no use: a source that the sender does
//! not have, an address on `lo`, a duplicate, an expired one.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{Address, RouteQuestion, Space};
use crate::why::Cause;
use crate::why::command::say::nodad;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib::unroutable;
use crate::why::evidence::ground::network;
use std::net::IpAddr;

/// Suspects the source and the target address, and their owners.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    if evidence.shot.reached {
        return found;
    }
    match evidence.probe.interface.as_deref().map(|name| (name, name.parse::<IpAddr>())) {
        Some((_, Ok(ip))) => found.extend(source(evidence, ip)),
        Some((dev, Err(_))) => found.extend(bound(evidence, dev)),
        None => {}
    }
    found.extend(useless(evidence));
    found.extend(on_loopback(evidence));
    found.extend(twice(evidence));
    found.extend(asker_s(evidence));
    found.extend(expired(evidence));
    found
}

/// Suspects a source address that the sender does not have.
fn source(evidence: &Evidence, ip: IpAddr) -> Option<Suspicion> {
    let from = evidence.from();
    if from.addrs.iter().any(|addr| addr.ip == ip) {
        return None;
    }
    let own: Vec<&Address> = from
        .addrs
        .iter()
        .filter(|addr| addr.ip.is_ipv6() == ip.is_ipv6() && addr.scope == "global")
        .collect();
    let has = own.iter().map(|addr| format!("{}/{} on {}", addr.ip, addr.prefix_len, addr.dev));
    let has = has.collect::<Vec<_>>().join(" and ");
    let whose = match evidence.ground.owners(ip).first() {
        Some((owner, _)) => format!(" ({} has it)", owner.name),
        None => String::new(),
    };
    let text = format!(
        "{ip} is no address of {}{whose}, which has {}: one can send only from an address of one's own",
        from.name,
        if has.is_empty() { "none".into() } else { has }
    );
    let near = own.iter().find(|addr| network(addr.ip, addr.prefix_len).contains(ip));
    let fix = match near {
        Some(near) if whose.is_empty() => vec![format!(
            "{} addr add {ip}/{} dev {}{}",
            evidence.ip(&from.name),
            near.prefix_len,
            near.dev,
            nodad(ip)
        )],
        _ => Vec::new(),
    };
    let mut suspect = suspect(Cause::SourceNotOwn, format!("{}: {ip}", from.name), text, fix);
    suspect.evidence = vec![format!("{} addr show to {ip}", evidence.ip(&from.name))];
    Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect })
}

/// Suspects a probe that is bound to an interface without a way to the target.
fn bound(evidence: &Evidence, dev: &str) -> Option<Suspicion> {
    let (from, dst) = (evidence.from(), evidence.shot.target);
    let place = format!("{}: {dev}", from.name);
    let Some(link) = from.link(dev) else {
        let links = from.links.iter().filter(|link| !link.loopback).map(|link| link.name.as_str());
        let text =
            format!("{} has no interface {dev}; it has {}", from.name, links.collect::<Vec<_>>().join(", "));
        let suspect = suspect(Cause::WrongInterface, place, text, Vec::new());
        return Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect });
    };
    let dst = dst?;
    let way = evidence.kernel.route_get(&from.name, &RouteQuestion::to(dst)).ok()?;
    let out = way.dev().filter(|out| *out != dev)?;
    let there = |owner: &Space, addr: &Address| {
        evidence.ground.share((&from.name, link.index), (&owner.name, addr.index))
    };
    let leads = from.routes.iter().any(|route| {
        route.dst.contains(dst) && route.hops.iter().any(|hop| hop.dev == dev && hop.via.is_some())
    });
    if way.kind == "local"
        || leads
        || evidence.ground.owners(dst).iter().any(|(owner, addr)| there(owner, addr))
    {
        return None;
    }
    let text = format!(
        "the ping is bound to {dev}, and {dst} is not there: the way from {} to {dst} is by {out}; ask by that one",
        from.name
    );
    let mut suspect = suspect(Cause::WrongInterface, place, text, Vec::new());
    suspect.evidence = vec![format!("{} route get {dst}", evidence.ip(&from.name))];
    Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect })
}

/// Suspects a target address that does not work on a wire.
fn useless(evidence: &Evidence) -> Option<Suspicion> {
    let dst = evidence.shot.target?;
    let what = unroutable(dst)?;
    let (owner, addr) = evidence.ground.owners(dst).into_iter().find(|(_, addr)| addr.dev != "lo")?;
    let text = format!(
        "{dst}, which {} has on {}, is {what}: give both ends addresses of a network that is for use on wires, as 10.0.0.0/24, and ask that one",
        owner.name, addr.dev
    );
    let suspect = suspect(Cause::MartianAddress, format!("{}: {}", owner.name, addr.dev), text, Vec::new());
    Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect })
}

/// Suspects a target address on `lo` whose namespace has no address on the wire.
fn on_loopback(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let Some(dst) = evidence.shot.target else { return found };
    for (owner, addr) in evidence.ground.owners(dst) {
        let lo = owner.link_at(addr.index).is_some_and(|link| link.loopback);
        if !lo || owner.name == evidence.probe.from {
            continue;
        }
        let bare = evidence.ground.ends().find(|end| {
            end.space.name == owner.name
                && end.addrs(dst.is_ipv6()).next().is_none()
                && !evidence.ground.neighbours(&owner.name, end.link).is_empty()
        });
        let Some(end) = bare else { continue };
        let (ns, dev, len) = (&owner.name, &end.link.name, addr.prefix_len);
        let near = evidence.ground.neighbours(ns, end.link);
        let near = near.iter().flat_map(|other| other.addrs(dst.is_ipv6()));
        let most = near
            .filter(|other| network(other.ip, other.prefix_len).contains(dst))
            .map(|other| other.prefix_len)
            .max();
        let Some(right) = most else { continue };
        let text = format!(
            "{ns} has {dst}/{len} on lo instead of {dev}, which has no address: it answers for it, but its route to {} goes to lo, so that replies end there",
            network(dst, right)
        );
        let fix = vec![
            format!("{} addr del {dst}/{len} dev {}", evidence.ip(ns), addr.dev),
            format!("{} addr add {dst}/{right} dev {dev}{}", evidence.ip(ns), nodad(dst)),
        ];
        let suspect = suspect(Cause::AddressOnLoopback, format!("{ns}: lo"), text, fix);
        found.push(Suspicion { rank: Tier::Here.exact(), sure: false, suspect });
    }
    found
}

/// Suspects a duplicate of the target's address whose namespace got the request.
fn twice(evidence: &Evidence) -> Option<Suspicion> {
    let dst = evidence.shot.target?;
    let owners = evidence.ground.owners(dst);
    let (got, addr) = owners.iter().find(|(owner, _)| {
        evidence.shot.sightings.iter().any(|seen| {
            let request = evidence.shot.passed(seen) == Some(Passed::Request);
            let for_it = seen.packet.ends().is_some_and(|(_, to)| to == dst);
            request && for_it && !seen.out && !seen.for_another && seen.netns == owner.name
        })
    })?;
    let (other, theirs) = owners.iter().find(|(owner, _)| owner.name != got.name)?;
    if got.name == evidence.probe.from || other.name == evidence.probe.from {
        return None;
    }
    let ns = &got.name;
    let text = format!(
        "{ns} has {dst} as well as {}: {ns} has it on {}, {} on {}, and what is sent there ends in {ns}, which answers in the other's place",
        other.name, addr.dev, other.name, theirs.dev
    );
    let fix = vec![format!("{} addr del {dst}/{} dev {}", evidence.ip(ns), addr.prefix_len, addr.dev)];
    let stray = addr.prefix_len == if dst.is_ipv6() { 128 } else { 32 } || addr.dev == "lo";
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{ns}: {dst}"), text, fix);
    suspect.evidence = vec![format!("{} addr show to {dst}", evidence.ip(ns))];
    let rank = if stray { Tier::Named.close() } else { Tier::Here.exact() };
    Some(Suspicion { rank, sure: false, suspect })
}

/// Suspects a duplicate of the sender's IPv6 address, whose namespace keeps the answers.
/// For IPv4 the kernel reports a martian (see `martian`).
fn asker_s(evidence: &Evidence) -> Option<Suspicion> {
    let src = evidence.source().filter(IpAddr::is_ipv6)?;
    let from = &evidence.probe.from;
    let owners = evidence.ground.owners(src);
    let (_, own) = owners.iter().find(|(owner, _)| owner.name == *from)?;
    let on_the_way = evidence.spaces_on_the_way();
    let (owner, addr) = owners
        .iter()
        .find(|(owner, _)| owner.name != *from && on_the_way.iter().any(|space| space.name == owner.name))?;
    // The address with the longer prefix is the wrong one.
    let (stray, addr, whose) = match own.prefix_len > addr.prefix_len {
        true => (from, own, &owner.name),
        false => (&owner.name, addr, from),
    };
    let (ip, dev) = (evidence.ip(stray), &addr.dev);
    let text = format!(
        "{stray} has {src} on {dev}, which is {whose}'s: what {} sends to that address it keeps itself",
        owner.name
    );
    let fix = vec![format!("{ip} addr del {src}/{} dev {dev}", addr.prefix_len)];
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{stray}: {src}"), text, fix);
    suspect.evidence = vec![format!("{ip} addr show to {src}")];
    Some(Suspicion { rank: Tier::Here.exact(), sure: true, suspect })
}

/// Suspects an address whose lifetime has expired.
fn expired(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let typed = &evidence.typed;
    for given in typed.iter().filter(|typed| typed.command.failed.is_none()) {
        let adds = given.is("ip", &["addr", "add"])
            || given.is("ip", &["addr", "replace"])
            || given.is("ip", &["addr", "change"]);
        let (Some(dev), Some(lft)) = (given.after("dev"), given.after("valid_lft")) else { continue };
        let text = given.words.iter().skip(2).find(|word| crate::net::survey::Net::parse(word).is_some());
        let Some((text, ip)) =
            text.and_then(|text| Some((text, text.split('/').next()?.parse::<IpAddr>().ok()?)))
        else {
            continue;
        };
        let Some(space) = evidence.survey.space(&given.ns).filter(|_| adds && lft != "forever") else {
            continue;
        };
        if space.addrs.iter().any(|addr| addr.ip == ip) || space.link(dev).is_none() {
            continue;
        }
        let ns = &given.ns;
        let why = format!(
            "{ns} had {text} on {dev} for {lft} seconds (valid_lft), and it has expired, as a DHCP lease that nobody renews; its routes went with it"
        );
        let fix = vec![format!("{} addr add {text} dev {dev}{}", evidence.ip(ns), nodad(ip))];
        let suspect = suspect(Cause::AddressExpired, format!("{ns}: {dev}"), why, fix);
        found.push(Suspicion { rank: Tier::Here.exact(), sure: false, suspect });
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::DuplicateAddress,
        title: "two have the same address, and the wrong one answers",
        symptom: "It answers, although it can't be the one that is meant; or it answers now and then.",
        cause: "An address of one's own is always reached by lo, whoever else has it. Of two others on a wire, the one whose ARP answer comes last is taken.",
        evidence: "`local` in the first line means oneself:\n  ip -n NS route get ADDR\n  ip -n NS addr show to ADDR",
        cure: "Give one of them another address:\n  ip -n NS addr del ADDR/LEN dev DEV\n  ip -n NS addr add OTHER/LEN dev DEV",
    },
    Page {
        id: Cause::AddressExpired,
        title: "an address was given for a while, which is over",
        symptom: "It worked, and after a time `Network is unreachable`.",
        cause: "An address with `valid_lft`, as a DHCP client gives it, goes when nobody renews it, and takes its routes along.",
        evidence: "How many seconds are left stands behind `valid_lft`:\n  ip -n NS addr show dev DEV",
        cure: "Give it again, or have the DHCP client run:\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::AddressOnLoopback,
        title: "the address is on lo or another link instead of the one of the wire",
        symptom: "ARP is answered, and no reply comes.",
        cause: "A namespace answers for an address on any of its links. But the route to the network of an address on lo leads to lo, so that replies never leave.",
        evidence: "On lo, and no address on the interface:\n  ip -n NS addr show",
        cure: "Move it:\n  ip -n NS addr del ADDR/LEN dev lo\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::SourceNotOwn,
        title: "the source address that was asked for is not one's own",
        symptom: "`bind: Cannot assign requested address`.",
        cause: "`ping -I ADDR` sends from an address of the namespace, and it has no such address.",
        evidence: "It is not among these:\n  ip -n NS addr show",
        cure: "Ask from one that is there, or give it:\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::WrongInterface,
        title: "the probe is bound to an interface by which one does not get there",
        symptom: "Silence, or `Destination Host Unreachable`, while it works without `-I`.",
        cause: "`ping -I DEV` sends out of DEV, whatever the routes say; the one who is asked is not there.",
        evidence: "The way without `-I`:\n  ip -n NS route get ADDR",
        cure: "Ask by the interface that the route names:\n  ip netns exec NS ping -c1 -I RIGHT ADDR",
    },
];
