//! Two addresses of a namespace, each of which is on the other one's interface.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::Address;
use crate::why::Cause;
use crate::why::command::say::{nodad, show};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};

/// Suspects swapped addresses or cables.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let Some(v6) = evidence.shot.target.map(|dst| dst.is_ipv6()) else { return found };
    for space in evidence.spaces_on_the_way() {
        let ends: Vec<End> = evidence.ground.ends().filter(|end| end.space.name == space.name).collect();
        for (at, one) in ends.iter().enumerate() {
            for other in &ends[at + 1..] {
                found.extend(swapped(evidence, *one, *other, v6));
            }
        }
    }
    found
}

fn swapped(evidence: &Evidence, one: End, other: End, v6: bool) -> Option<Suspicion> {
    let single = |end: End| {
        let mut addrs: Vec<Address> = end.addrs(v6).cloned().collect();
        if addrs.len() == 1 { addrs.pop() } else { None }
    };
    let (ours, theirs) = (single(one)?, single(other)?);
    let fits = |end: End, addr: &Address| {
        let near = evidence.ground.neighbours(&end.space.name, end.link);
        let net = network(addr.ip, addr.prefix_len);
        near.iter().any(|near| near.addrs(v6).any(|near| net.contains(near.ip)))
    };
    if fits(one, &ours) || fits(other, &theirs) || !fits(one, &theirs) || !fits(other, &ours) {
        return None;
    }
    let (ns, here, there) = (&one.space.name, &one.link.name, &other.link.name);
    let (mine, yours) = (show(&ours), show(&theirs));
    let text = format!(
        "{ns} has {mine} on {here} and {yours} on {there}, and it is the other way round: the network of {yours} is on the wire of {here}, that of {mine} on the wire of {there}"
    );
    let ip = evidence.ip(ns);
    let fix = vec![
        format!("{ip} addr del {mine} dev {here}"),
        format!("{ip} addr del {yours} dev {there}"),
        format!("{ip} addr add {yours} dev {here}{}", nodad(theirs.ip)),
        format!("{ip} addr add {mine} dev {there}{}", nodad(ours.ip)),
    ];
    let mut suspect = suspect(Cause::AddressesSwapped, format!("{ns}: {here} and {there}"), text, fix);
    suspect.evidence = vec![format!("{ip} -br addr")];
    Some(Suspicion { rank: Tier::Here.exact(), sure: false, suspect })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::AddressesSwapped,
    title: "two addresses are on each other's interfaces",
    symptom: "`Destination Host Unreachable`: a router is asked on the right wire, and has that address on another.",
    cause: "Two addresses of a namespace were given in the wrong order, or two cables are in each other's place.",
    evidence: "Which network is on which wire?\n  ip -n NS -br addr\n  ip -n OTHER -br addr",
    cure: "Give each to the other's interface:\n  ip -n NS addr del ADDR/LEN dev DEV\n  ip -n NS addr add ADDR/LEN dev OTHER-DEV",
}];
