//! Addresses and their masks: which namespace has which address, and whether two ends of
//! a wire are in one network.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect, unowned};
use crate::net::survey::{Address, LinkKind, Net, Space};
use crate::why::Cause;
use crate::why::command::say::{nodad, show};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network, transplant};
use crate::why::evidence::typed;
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects addresses.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(dst) = evidence.destination() else { return Vec::new() };
    // Every namespace has the addresses of lo.
    if evidence.probe.broadcast || dst.is_multicast() || dst.is_loopback() {
        return Vec::new();
    }
    let from = evidence.probe.from.as_str();
    let owners: Vec<_> =
        evidence.ground.owners(dst).into_iter().filter(|(space, _)| space.name != from).collect();
    let mut found = Vec::new();
    if evidence.from().addrs.iter().any(|addr| addr.ip == dst)
        && let Some((other, addr)) = owners.first()
    {
        found.push(one_s_own(evidence, dst, &other.name, addr));
        return found;
    }
    match owners.first() {
        None => found.extend(strayed(evidence, evidence.from(), dst)),
        // The owner answers pings, but perhaps not on the port that is asked for.
        Some((owner, _)) if evidence.probe.tcp.is_some() => found.extend(strayed(evidence, owner, dst)),
        Some(_) => {}
    }
    found.extend(super::gateway::find(evidence, dst.is_ipv6()));
    match owners.first() {
        None if evidence.is_outside(dst) || evidence.is_service(dst) => {}
        None => found.extend(unowned::nobody_has(evidence, dst)),
        Some((owner, addr)) => {
            let Some(there) = evidence
                .ground
                .ends()
                .find(|end| end.space.name == owner.name && end.link.index == addr.index)
            else {
                return found;
            };
            for here in evidence.ground.neighbours(&owner.name, there.link) {
                if here.space.name == from {
                    found.extend(between(evidence, here, there, addr));
                }
            }
            found.extend(on_the_way(evidence, &owner.name, dst.is_ipv6()));
        }
    }
    found
}

/// Suspects the sender of having the target's address itself.
fn one_s_own(evidence: &Evidence, dst: IpAddr, other: &str, addr: &Address) -> Suspicion {
    let from = &evidence.probe.from;
    let own: Vec<&Address> = evidence.from().addrs.iter().filter(|own| own.ip == dst).collect();
    // Tells whether an address is another global one of the sender.
    let another =
        |one: &&Address| one.ip != dst && one.ip.is_ipv6() == dst.is_ipv6() && one.scope == "global";
    let fix: Vec<String> = match evidence.from().addrs.iter().find(another) {
        Some(_) => own
            .iter()
            .map(|own| format!("{} addr del {} dev {}", evidence.ip(from), show(own), own.dev))
            .collect(),
        None => Vec::new(),
    };
    let instead = match fix.is_empty() {
        true => format!("give {other} another address, and ask that one"),
        false => format!("it is {other}'s"),
    };
    let text = format!(
        "{from} has {dst} itself, as {other} has on {}: what {from} sends there is delivered to {from} over lo \
         and never leaves it; {instead}",
        addr.dev
    );
    let mut suspect = suspect(Cause::DuplicateAddress, format!("{from}: {dst}"), text, fix);
    suspect.evidence = vec![format!("{} route get {dst}", evidence.ip(from))];
    Suspicion { rank: Tier::Named.plain(), sure: true, suspect }
}

/// Suspects the target's address of standing in the wrong namespace: its link has another
/// address of that network, and the other end of the wire has none.
fn strayed(evidence: &Evidence, from: &Space, dst: IpAddr) -> Option<Suspicion> {
    let addr = from.addrs.iter().find(|addr| addr.ip == dst)?;
    let net = network(addr.ip, addr.prefix_len);
    let link = from.link_at(addr.index).filter(|link| !link.loopback)?;
    let of_net = |other: &&Address| other.index == addr.index && net.contains(other.ip);
    let near = evidence.ground.neighbours(&from.name, link);
    let [end] = near[..] else { return None };
    let bare = end.addrs(dst.is_ipv6()).next().is_none();
    if from.addrs.iter().filter(of_net).count() < 2 || !bare || end.link.kind == LinkKind::Bridge {
        return None;
    }
    let (ns, other, dev) = (&from.name, &end.space.name, &end.link.name);
    let text = format!(
        "{ns} has {dst} itself: it has two addresses of {net} on {}, and {other} has none on {dev}, at the other end: {} was given to the wrong namespace",
        link.name,
        show(addr)
    );
    let mut fix = vec![
        format!("{} addr del {} dev {}", evidence.ip(ns), show(addr), link.name),
        format!("{} addr add {} dev {dev}{}", evidence.ip(other), show(addr), nodad(dst)),
    ];
    if !end.link.up {
        fix.push(format!("{} link set {dev} up", evidence.ip(other)));
    }
    let mut suspect = suspect(Cause::AddressInWrongNamespace, format!("{ns}: {}", link.name), text, fix);
    suspect.evidence = vec![format!("{} route get {dst}", evidence.ip(ns))];
    Some(Suspicion { rank: Tier::Named.exact(), sure: false, suspect })
}

/// Suspects the addresses of routers: each router should share a network with the next
/// one.
fn on_the_way(evidence: &Evidence, target: &str, v6: bool) -> Vec<Suspicion> {
    let way = evidence.ground.way(&evidence.probe.from, target).unwrap_or_default();
    // The caller has compared ends of one wire already.
    if way.len() < 2 {
        return Vec::new();
    }
    let asker = match &evidence.gate {
        Gate::Resolve { asker, .. } => asker,
        _ => &evidence.stuck.ns,
    };
    let mut found = Vec::new();
    for step in way {
        let covers = |a: &Address, b: &Address| network(a.ip, a.prefix_len).contains(b.ip);
        let fits = |our: &Address| step.into.addrs(v6).any(|their| covers(our, their) && covers(their, our));
        let here = step.out.space.name == *asker || step.into.space.name == *asker;
        if step.out.addrs(v6).any(fits) {
            continue;
        }
        // The next router lacks an address in the network of this namespace.
        if let (None, Some(our)) = (step.into.addrs(v6).next(), step.out.addrs(v6).next())
            && step.into.link.kind != LinkKind::Bridge
            && !evidence.is_no_router(step.into.space, our.ip)
        {
            found.extend(without_address(evidence, step.into, step.out, our));
        }
        for theirs in step.into.addrs(v6) {
            for mut one in between(evidence, step.out, step.into, theirs) {
                if !here {
                    one.rank.tier = Tier::OnTheWay;
                }
                found.push(one);
            }
        }
    }
    found
}

/// Suspects the addresses of two ends of a wire, unless each end's network covers the
/// other's address.
fn between(evidence: &Evidence, here: End, there: End, theirs: &Address) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let v6 = theirs.ip.is_ipv6();
    let (space, dev) = (&here.space.name, &here.link.name);
    let (other, other_dev) = (&there.space.name, &there.link.name);
    let ours: Vec<&Address> = here.addrs(v6).collect();
    let their_net = network(theirs.ip, theirs.prefix_len);
    if ours.is_empty() {
        found.extend(without_address(evidence, here, there, theirs));
    }
    for our in &ours {
        let our_net = network(our.ip, our.prefix_len);
        let change = |space: &str, dev: &str, addr: &Address, new: String| {
            vec![
                format!("{} addr del {} dev {dev}", evidence.ip(space), show(addr)),
                format!("{} addr add {new} dev {dev}{}", evidence.ip(space), nodad(addr.ip)),
            ]
        };
        match (our_net.contains(theirs.ip), their_net.contains(our.ip)) {
            (true, true) => {}
            (false, true) if !evidence.reaches_by_route(space, theirs.ip) => {
                let text = format!(
                    "{space}'s {} on {dev} does not cover {}: its mask is too narrow, {other} has {} on the same wire{}",
                    show(our),
                    theirs.ip,
                    show(theirs),
                    if our.prefix_len == 32 {
                        " (an address without a mask is a /32, which brings no route)"
                    } else {
                        ""
                    }
                );
                let fix = change(space, dev, our, format!("{}/{}", our.ip, theirs.prefix_len));
                found.push(Suspicion {
                    rank: Tier::Here.plain(),
                    sure: false,
                    suspect: suspect(Cause::NetmaskMismatch, format!("{space}: {dev}"), text, fix),
                });
            }
            (true, false) if !evidence.sends_by(other, other_dev, our.ip) => {
                let text = format!(
                    "{other}'s {} on {other_dev} does not cover {}: its mask differs from {space}'s {}, so {other} has no way back on this wire",
                    show(theirs),
                    our.ip,
                    show(our)
                );
                let fix = change(other, other_dev, theirs, format!("{}/{}", theirs.ip, our.prefix_len));
                found.push(Suspicion {
                    rank: Tier::Here.plain(),
                    sure: false,
                    suspect: suspect(Cause::NetmaskMismatch, format!("{other}: {other_dev}"), text, fix),
                });
            }
            (false, false)
                if our_net.len == evidence.most(v6)
                    && their_net.len == our_net.len
                    && !evidence.reaches_by_route(space, theirs.ip) =>
            {
                found.push(without_masks(evidence, here, our, there, theirs));
            }
            (false, false) if !evidence.reaches_by_route(space, theirs.ip) => {
                let moved = evidence.ground.moved_into(our.ip, theirs);
                let moved = moved.unwrap_or_else(|| evidence.free_address(their_net));
                let apart = strsim::damerau_levenshtein(&our.ip.to_string(), &moved.to_string());
                let slip = if apart <= 2 { "; it looks like a slip" } else { "" };
                let text = format!(
                    "{space}'s {} on {dev} and {other}'s {} on {other_dev} share a wire but no network{slip}: {space} sits in {our_net}, {other} in {their_net}",
                    show(our),
                    show(theirs)
                );
                let fix = change(space, dev, our, format!("{moved}/{}", theirs.prefix_len));
                let id = if apart <= 2 { Cause::AddressTypo } else { Cause::DifferentSubnets };
                found.push(Suspicion {
                    rank: Tier::Here.loose().near(10 - apart.min(10) as i8),
                    sure: false,
                    suspect: suspect(id, format!("{space}: {dev}"), text, fix),
                });
            }
            _ => {}
        }
    }
    found
}

/// Suspects two addresses without a mask, each of which is a network of its own.
fn without_masks(evidence: &Evidence, here: End, our: &Address, there: End, theirs: &Address) -> Suspicion {
    let v6 = our.ip.is_ipv6();
    let usual: &[u8] = if v6 { &[64, 48] } else { &[24, 16, 8] };
    let both = |len: &&u8| network(our.ip, **len).contains(theirs.ip);
    let len = usual.iter().find(both).copied().unwrap_or(0);
    let mut fix = Vec::new();
    for (end, addr) in [(here, our), (there, theirs)] {
        let (ip, dev) = (evidence.ip(&end.space.name), &end.link.name);
        fix.push(format!("{ip} addr del {} dev {dev}", show(addr)));
        fix.push(format!("{ip} addr add {}/{len} dev {dev}{}", addr.ip, nodad(addr.ip)));
    }
    let text = format!(
        "{}'s {} on {} and {}'s {} on {} have no mask: each is alone in its network (/{}), and no route leads to the other",
        here.space.name,
        our.ip,
        here.link.name,
        there.space.name,
        theirs.ip,
        there.link.name,
        evidence.most(v6)
    );
    let place = format!("{}: {}", here.space.name, here.link.name);
    let mut suspect = suspect(Cause::NetmaskMismatch, place, text, fix);
    suspect.evidence = [here, there]
        .map(|end| format!("{} -br addr show {}", evidence.ip(&end.space.name), end.link.name))
        .to_vec();
    let rank = if len > 0 { Tier::Here.close() } else { Tier::Odd.plain() };
    Suspicion { rank, sure: false, suspect }
}

/// Suspects an end without an address on the wire that it shares with the other end.
fn without_address(evidence: &Evidence, here: End, there: End, theirs: &Address) -> Option<Suspicion> {
    let (space, dev, other) = (&here.space.name, &here.link.name, &there.space.name);
    let net = network(theirs.ip, theirs.prefix_len);
    // The other end may have got this end's address as well.
    let strays: Vec<&Address> = there
        .addrs(theirs.ip.is_ipv6())
        .filter(|addr| addr.ip != theirs.ip && net.contains(addr.ip))
        .collect();
    if let [stray] = strays[..] {
        let text = format!(
            "{space} has no address on {dev}, and {other} has two of one network on {}: {} was given to the wrong namespace",
            there.link.name,
            show(stray)
        );
        let fix = vec![
            format!("{} addr del {} dev {}", evidence.ip(other), show(stray), there.link.name),
            format!("{} addr add {} dev {dev}", evidence.ip(space), show(stray)),
        ];
        return Some(Suspicion {
            rank: Tier::Here.plain(),
            sure: false,
            suspect: suspect(
                Cause::AddressInWrongNamespace,
                format!("{other}: {}", there.link.name),
                text,
                fix,
            ),
        });
    }
    let once = typed::once_given(&evidence.typed, space, dev);
    let once = once
        .into_iter()
        .map(|(ip, _)| ip)
        .find(|ip| net.contains(*ip) && evidence.ground.owners(*ip).is_empty());
    let free = once.unwrap_or_else(|| evidence.free_address(net));
    let text = format!(
        "{space} has no address on {dev}{}, so it has no route to {net}, where {other} has {}",
        once.map(|ip| format!(" any more (it had {ip})")).unwrap_or_default(),
        theirs.ip
    );
    let mut fix = vec![format!(
        "{} addr add {free}/{} dev {dev}{}",
        evidence.ip(space),
        theirs.prefix_len,
        nodad(free)
    )];
    if !here.link.up {
        fix.push(format!("{} link set {dev} up", evidence.ip(space)));
    }
    Some(Suspicion {
        rank: Tier::OnTheWay.plain(),
        sure: false,
        suspect: suspect(Cause::AddressMissing, format!("{space}: {dev}"), text, fix),
    })
}

impl Evidence<'_> {
    /// Returns the interfaces that share a wire with the one that the packet was to leave
    /// by, or with any of the sender's.
    pub(super) fn near(&self) -> Vec<End<'_>> {
        let here = match &self.gate {
            Gate::Resolve { asker, dev, .. } => Some((asker.as_str(), dev.as_str())),
            _ => None,
        };
        match here.and_then(|(space, dev)| Some((space, self.survey.space(space)?.link(dev)?))) {
            Some((space, link)) => self.ground.neighbours(space, link),
            None => {
                let own = self.ground.ends().filter(|end| end.space.name == self.probe.from);
                own.flat_map(|end| self.ground.neighbours(&end.space.name, end.link)).collect()
            }
        }
    }

    /// Returns the longest prefix of the configured networks that contain an address.
    pub(super) fn prefix_len_for(&self, ip: IpAddr) -> Option<u8> {
        let all = self.survey.spaces.iter().flat_map(|space| &space.addrs);
        let nets = all.filter(|addr| {
            addr.prefix_len < self.most(ip.is_ipv6()) && network(addr.ip, addr.prefix_len).contains(ip)
        });
        nets.map(|addr| addr.prefix_len).max()
    }

    /// Tells whether an address is in none of the networks of the other ends of its wire.
    pub(super) fn odd_one_out(&self, end: End, addr: &Address) -> bool {
        let others = self.ground.neighbours(&end.space.name, end.link);
        let mut nets = others.iter().flat_map(|other| other.addrs(addr.ip.is_ipv6())).peekable();
        nets.peek().is_some() && nets.all(|other| !network(other.ip, other.prefix_len).contains(addr.ip))
    }

    /// Returns the longest prefix length.
    pub(super) fn most(&self, v6: bool) -> u8 {
        if v6 { 128 } else { 32 }
    }

    /// Returns an address of a network that no namespace has.
    pub(super) fn free_address(&self, net: Net) -> IpAddr {
        let nth = |n: u32| match net.ip {
            IpAddr::V4(ip) => {
                transplant(net.ip, net.len, std::net::Ipv4Addr::from_bits(ip.to_bits() | n).into())
            }
            IpAddr::V6(ip) => transplant(
                net.ip,
                net.len,
                std::net::Ipv6Addr::from_bits(ip.to_bits() | u128::from(n)).into(),
            ),
        };
        (1..=1000).map(nth).find(|ip| self.ground.owners(*ip).is_empty()).unwrap_or_else(|| nth(1))
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::AddressMissing,
        title: "nobody has the address that is asked for, or one's own is missing",
        symptom: "`Destination Host Unreachable` after the question who has it, or `Network is unreachable` from the start.",
        cause: "An interface was not given its address: the command is missing, or it has failed.",
        evidence: "The address is in none of the namespaces:\n  ip -n NS addr show",
        cure: "Give it, with its mask:\n  ip -n NS addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::AddressInWrongNamespace,
        title: "the address was given in another namespace than was meant",
        symptom: "The one who was meant does not answer, and the one who has the address may answer itself.",
        cause: "`-n` names the wrong namespace, or is missing, so that the command acted on the host.",
        evidence: "Look who has it:\n  ip -n NS addr show",
        cure: "Move it:\n  ip -n WRONG addr del ADDR/LEN dev DEV\n  ip -n RIGHT addr add ADDR/LEN dev DEV",
    },
    Page {
        id: Cause::DifferentSubnets,
        title: "two on one wire have addresses of different networks",
        symptom: "`Network is unreachable`, although the cable is right.",
        cause: "Each end knows only the network of its own address as reached directly. What is outside of it needs a router, even at the other end of the same cable.",
        evidence: "Write the two networks below each other:\n  ip -n NS addr show dev DEV\n  ip -n OTHER addr show dev DEV",
        cure: "Bring one address into the other's network:\n  ip -n NS addr del WRONG/LEN dev DEV\n  ip -n NS addr add RIGHT/LEN dev DEV",
    },
];
