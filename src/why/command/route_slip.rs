//! Corrections of refused routes: networks, gateways, and the own address that keeps a gateway
//! out.

use super::repair::Repair;
use super::say::nodad;
use super::slip;
use crate::net::survey::{Address, Net, Space};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
use std::net::IpAddr;

/// Returns the routes that a refused one was probably meant to be.
pub(super) fn route(evidence: &Evidence, repair: Repair, space: &Space) -> Vec<Repair> {
    let mut repair = repair;
    let verb =
        repair.words.iter().position(|word| matches!(word.as_str(), "add" | "replace" | "append" | "a"));
    let dst = verb.and_then(|verb| {
        (verb + 1..repair.words.len())
            .find(|at| repair.words[*at] == "default" || Net::parse(&repair.words[*at]).is_some())
    });
    let mut goal = evidence.shot.target;
    if let Some(at) = dst.filter(|at| repair.words[*at] != "default")
        && let Some(net) = Net::parse(&repair.words[at])
    {
        let whole = network(net.ip, net.len);
        if whole != net {
            let (word, meant) = (repair.words[at].clone(), whole.to_string());
            let why = format!(
                "{word} has bits set beyond its prefix: it is an address, and the network that it is in is {meant}"
            );
            repair.swap(at, &meant, why);
        }
        if !goal.is_some_and(|ip| whole.contains(ip)) {
            goal = evidence.source_seen().filter(|ip| whole.contains(*ip)).or(Some(whole.ip));
        }
    } else if space.name != evidence.probe.from
        && evidence.targets().iter().any(|target| target.name == space.name)
    {
        goal = evidence.source_seen();
    }
    let Some(at) = repair.after("via") else { return vec![repair] };
    let Ok(via) = repair.words[at].parse::<IpAddr>() else { return vec![repair] };
    let on_link = space.addrs.iter().any(|addr| {
        addr.prefix_len < 32 + 96 * u8::from(via.is_ipv6())
            && network(addr.peer.unwrap_or(addr.ip), addr.prefix_len).contains(via)
            || addr.peer == Some(via)
    });
    if on_link {
        let of_net = |addr: &&Address| network(addr.ip, addr.prefix_len).contains(via);
        let links = space.addrs.iter().filter(of_net).filter_map(|addr| space.link_at(addr.index));
        for link in links.filter(|link| !link.up) {
            repair.before.push(format!("{} link set {} up", evidence.ip(&space.name), link.name));
            repair.said.push(format!("{}, in whose network {via} is, is DOWN", link.name));
        }
        return vec![repair];
    }
    let mut all = Vec::new();
    // The gateway exists, but this namespace's own mask or address leaves it out.
    for (owner, theirs) in evidence.ground.owners(via) {
        all.extend(own_address(evidence, &repair, space, owner, theirs));
        for addr in space.addrs.iter().filter(|addr| {
            network(theirs.ip, theirs.prefix_len).contains(addr.ip)
                && addr.ip.is_ipv4() == via.is_ipv4()
                && evidence.ground.share((&space.name, addr.index), (&owner.name, theirs.index))
        }) {
            let mut masked = repair.clone();
            let ip = evidence.ip(&space.name);
            let (own, dev) = (addr.ip, &addr.dev);
            masked.before = vec![
                format!("{ip} addr del {own}/{} dev {dev}", addr.prefix_len),
                format!("{ip} addr add {own}/{} dev {dev}{}", theirs.prefix_len, nodad(own)),
            ];
            masked.said.push(format!(
                "the gateway {via} is in no network of {}, whose {own}/{} on {dev} has too narrow a mask: {} has {via}/{}",
                space.name, addr.prefix_len, owner.name, theirs.prefix_len
            ));
            all.push(masked);
        }
    }
    let mut known = vec![via];
    if let Some((owner, gateway)) = evidence.gateway_like(space, via) {
        let mut meant = repair.clone();
        let why =
            format!("the gateway {via} is in no network of {}; {} is at {gateway}", space.name, owner.name);
        meant.swap(at, &gateway.to_string(), why);
        all.push(meant);
        known.push(gateway);
    }
    if let Some((step, gateway)) =
        goal.and_then(|goal| evidence.next_gateway(space, goal)).filter(|(_, ip)| !known.contains(ip))
    {
        let mut meant = repair.clone();
        let why = format!(
            "the gateway {via} is in no network of {}; {} is at {gateway}",
            space.name, step.into.space.name
        );
        meant.swap(at, &gateway.to_string(), why);
        all.push(meant);
    }
    if all.is_empty() {
        all.push(repair);
    }
    all
}

/// Repairs the own address of a namespace first, if it is a slip for one in the network of a
/// gateway on its wire.
fn own_address(
    evidence: &Evidence,
    repair: &Repair,
    space: &Space,
    owner: &Space,
    theirs: &Address,
) -> Option<Repair> {
    let net = network(theirs.ip, theirs.prefix_len);
    let on_wire = |addr: &&Address| {
        let (ours, gateway) = ((space.name.as_str(), addr.index), (owner.name.as_str(), theirs.index));
        addr.ip.is_ipv4() == theirs.ip.is_ipv4() && evidence.ground.share(ours, gateway)
    };
    let own: Vec<&Address> =
        space.addrs.iter().filter(|addr| addr.scope == "global").filter(on_wire).collect();
    let [addr] = own[..] else { return None };
    let meant = evidence.ground.moved_into(addr.ip, theirs)?;
    if net.contains(addr.ip) || !slip::resembles(addr.ip, meant) {
        return None;
    }
    let (ip, dev, len) = (evidence.ip(&space.name), &addr.dev, theirs.prefix_len);
    let mut repair = repair.clone();
    repair.before = vec![
        format!("{ip} addr del {}/{} dev {dev}", addr.ip, addr.prefix_len),
        format!("{ip} addr add {meant}/{len} dev {dev}{}", nodad(meant)),
    ];
    repair.said.push(format!(
        "the gateway {}, which {} has, is in no network of {}: its {}/{} on {dev} looks like a slip for {meant}/{len}",
        theirs.ip, owner.name, space.name, addr.ip, addr.prefix_len
    ));
    Some(repair)
}
