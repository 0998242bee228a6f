//! Who has an address, and whether it is of use there: a source that is not
//! one's own, one that is on `lo`, one that two have, one that has expired.

use super::address::nodad;
use super::martian::odd;
use super::{Evidence, Found, suspect, weight};
use crate::event::Passed;
use crate::net::survey::{Address, RouteQuestion, Space};
use crate::why::Cause;
use crate::why::ground::network;
use std::net::IpAddr;

/// Suspects owners.
pub(super) fn find(e: &Evidence) -> Vec<Found> {
    let mut found = Vec::new();
    if e.shot.reached {
        return found;
    }
    match e.probe.interface.as_deref().map(|name| (name, name.parse::<IpAddr>())) {
        Some((_, Ok(ip))) => found.extend(source(e, ip)),
        Some((dev, Err(_))) => found.extend(bound(e, dev)),
        None => {}
    }
    found.extend(useless(e));
    found.extend(on_loopback(e));
    found.extend(twice(e));
    found.extend(asker_s(e));
    found.extend(expired(e));
    found
}

/// A source address that the one who asks does not have.
fn source(e: &Evidence, ip: IpAddr) -> Option<Found> {
    let from = e.from();
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
    let whose = match e.ground.owners(ip).first() {
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
            e.ip(&from.name),
            near.prefix_len,
            near.dev,
            nodad(ip)
        )],
        _ => Vec::new(),
    };
    let mut suspect = suspect(Cause::SourceNotOwn, format!("{}: {ip}", from.name), text, fix);
    suspect.evidence = vec![format!("{} addr show to {ip}", e.ip(&from.name))];
    Some(Found { weight: weight::NAMED + 70, sure: true, suspect })
}

/// An interface that is not the one by which one gets there.
fn bound(e: &Evidence, dev: &str) -> Option<Found> {
    let (from, dst) = (e.from(), e.shot.target);
    let place = format!("{}: {dev}", from.name);
    let Some(link) = from.link(dev) else {
        let links = from.links.iter().filter(|link| !link.loopback).map(|link| link.name.as_str());
        let text =
            format!("{} has no interface {dev}; it has {}", from.name, links.collect::<Vec<_>>().join(", "));
        let suspect = suspect(Cause::WrongInterface, place, text, Vec::new());
        return Some(Found { weight: weight::NAMED + 70, sure: true, suspect });
    };
    let dst = dst?;
    let way = e.kernel.route_get(&from.name, &RouteQuestion::to(dst)).ok()?;
    let out = way.dev().filter(|out| *out != dev)?;
    let there =
        |owner: &Space, addr: &Address| e.ground.share((&from.name, link.index), (&owner.name, addr.index));
    let leads = from.routes.iter().any(|route| {
        route.dst.contains(dst) && route.hops.iter().any(|hop| hop.dev == dev && hop.via.is_some())
    });
    if way.kind == "local" || leads || e.ground.owners(dst).iter().any(|(owner, addr)| there(owner, addr)) {
        return None;
    }
    let text = format!(
        "the ping is bound to {dev}, and {dst} is not there: the way from {} to {dst} is by {out}; ask by that one",
        from.name
    );
    let mut suspect = suspect(Cause::WrongInterface, place, text, Vec::new());
    suspect.evidence = vec![format!("{} route get {dst}", e.ip(&from.name))];
    Some(Found { weight: weight::NAMED + 70, sure: true, suspect })
}

/// An address that is of no use on a wire.
fn useless(e: &Evidence) -> Option<Found> {
    let dst = e.shot.target?;
    let what = odd(dst)?;
    let (owner, addr) = e.ground.owners(dst).into_iter().find(|(_, addr)| addr.dev != "lo")?;
    let text = format!(
        "{dst}, which {} has on {}, is {what}: give both ends addresses of a network that is for use on wires, as 10.0.0.0/24, and ask that one",
        owner.name, addr.dev
    );
    let suspect = suspect(Cause::MartianAddress, format!("{}: {}", owner.name, addr.dev), text, Vec::new());
    Some(Found { weight: weight::NAMED + 70, sure: true, suspect })
}

/// The address is on `lo`, and the wire has none.
fn on_loopback(e: &Evidence) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(dst) = e.shot.target else { return found };
    for (owner, addr) in e.ground.owners(dst) {
        let lo = owner.link_at(addr.index).is_some_and(|link| link.loopback);
        if !lo || owner.name == e.probe.from {
            continue;
        }
        let bare = e.ground.ends().find(|end| {
            end.space.name == owner.name
                && end.addrs(dst.is_ipv6()).next().is_none()
                && !e.ground.neighbours(&owner.name, end.link).is_empty()
        });
        let Some(end) = bare else { continue };
        let (ns, dev, len) = (&owner.name, &end.link.name, addr.prefix_len);
        let near = e.ground.neighbours(ns, end.link);
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
            format!("{} addr del {dst}/{len} dev {}", e.ip(ns), addr.dev),
            format!("{} addr add {dst}/{right} dev {dev}{}", e.ip(ns), nodad(dst)),
        ];
        let suspect = suspect(Cause::AddressOnLoopback, format!("{ns}: lo"), text, fix);
        found.push(Found { weight: weight::HERE + 190, sure: false, suspect });
    }
    found
}

/// Two have the address, and the wrong one got the request.
fn twice(e: &Evidence) -> Option<Found> {
    let dst = e.shot.target?;
    let owners = e.ground.owners(dst);
    let (got, addr) = owners.iter().find(|(owner, _)| {
        e.shot.sightings.iter().any(|seen| {
            let request = e.shot.passed(seen) == Some(Passed::Request);
            let for_it = seen.packet.ends().is_some_and(|(_, to)| to == dst);
            request && for_it && !seen.out && !seen.for_another && seen.netns == owner.name
        })
    })?;
    let (other, theirs) = owners.iter().find(|(owner, _)| owner.name != got.name)?;
    if got.name == e.probe.from || other.name == e.probe.from {
        return None;
    }
    let ns = &got.name;
    let text = format!(
        "{ns} has {dst} as well as {}: {ns} has it on {}, {} on {}, and what is sent there ends in {ns}, which answers in the other's place",
        other.name, addr.dev, other.name, theirs.dev
    );
    let fix = vec![format!("{} addr del {dst}/{} dev {}", e.ip(ns), addr.prefix_len, addr.dev)];
    let stray = addr.prefix_len == if dst.is_ipv6() { 128 } else { 32 } || addr.dev == "lo";
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{ns}: {dst}"), text, fix);
    suspect.evidence = vec![format!("{} addr show to {dst}", e.ip(ns))];
    let weight = if stray { weight::NAMED + 40 } else { weight::HERE + 160 };
    Some(Found { weight, sure: false, suspect })
}

/// Another one has the asker's IPv6 address as well, and keeps its own answers.
/// Of IPv4 the kernel says that it is a martian.
fn asker_s(e: &Evidence) -> Option<Found> {
    let src = e.source().filter(IpAddr::is_ipv6)?;
    let from = &e.probe.from;
    let owners = e.ground.owners(src);
    let (_, own) = owners.iter().find(|(owner, _)| owner.name == *from)?;
    let on_the_way = e.spaces_on_the_way();
    let (owner, addr) = owners
        .iter()
        .find(|(owner, _)| owner.name != *from && on_the_way.iter().any(|space| space.name == owner.name))?;
    // The one that stands alone was given in vain.
    let (stray, addr, whose) = match own.prefix_len > addr.prefix_len {
        true => (from, own, &owner.name),
        false => (&owner.name, addr, from),
    };
    let (ip, dev) = (e.ip(stray), &addr.dev);
    let text = format!(
        "{stray} has {src} on {dev}, which is {whose}'s: what {} sends to that address it keeps itself",
        owner.name
    );
    let fix = vec![format!("{ip} addr del {src}/{} dev {dev}", addr.prefix_len)];
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{stray}: {src}"), text, fix);
    suspect.evidence = vec![format!("{ip} addr show to {src}")];
    Some(Found { weight: weight::HERE + 160, sure: true, suspect })
}

/// An address that was given for a while.
fn expired(e: &Evidence) -> Vec<Found> {
    let mut found = Vec::new();
    let typed = &e.typed;
    for given in typed.iter().filter(|typed| typed.deed.failed.is_none()) {
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
        let Some(space) = e.survey.space(&given.ns).filter(|_| adds && lft != "forever") else { continue };
        if space.addrs.iter().any(|addr| addr.ip == ip) || space.link(dev).is_none() {
            continue;
        }
        let ns = &given.ns;
        let why = format!(
            "{ns} had {text} on {dev} for {lft} seconds (valid_lft), and it has expired, as a DHCP lease that nobody renews; its routes went with it"
        );
        let fix = vec![format!("{} addr add {text} dev {dev}{}", e.ip(ns), nodad(ip))];
        let suspect = suspect(Cause::AddressExpired, format!("{ns}: {dev}"), why, fix);
        found.push(Found { weight: weight::HERE + 200, sure: false, suspect });
    }
    found
}
