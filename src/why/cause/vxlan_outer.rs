//! The outer packets of a VXLAN: their time to live, and their size.

use super::Suspicion;
use super::page::Page;
use super::rank::Tier;
use super::tunnel::Tunnel;
use crate::net::survey::{Link, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::Ground;

/// Suspects a time to live that is too small for the way to the other end.
pub(super) fn short_lived<'a>(
    evidence: &Evidence<'a>,
    under: &Ground,
    end: Tunnel<'a>,
    other: Tunnel<'a>,
) -> Option<Suspicion> {
    let (from, to) = (end.underlay(evidence)?, other.underlay(evidence)?);
    let routers = under.way(&from.name, &to.name)?.len();
    if end.of.ttl == 0 || usize::from(end.of.ttl) >= routers {
        return None;
    }
    let text = format!(
        "{} sends its packets with a TTL of {}, which does not take them over the {} hops to {}",
        end.name(),
        end.of.ttl,
        routers,
        other.name()
    );
    let fix = vec![format!(
        "{} link set {} type vxlan id {} ttl 64",
        evidence.ip(&end.space.name),
        end.link.name,
        end.of.id
    )];
    Some(end.suspect(evidence, Cause::VxlanTtlTooSmall, text, fix))
}

/// Suspects MTUs that are too small for a packet with the VXLAN header.
pub(super) fn too_small<'a>(
    evidence: &Evidence<'a>,
    under: &Ground,
    near: Tunnel<'a>,
    far: Tunnel<'a>,
) -> Option<Suspicion> {
    let dst = evidence.shot.target?;
    let length = u32::from(evidence.probe.size?) + if dst.is_ipv6() { 48 } else { 28 };
    let smallest = near.link.mtu.min(far.link.mtu);
    let (from, to) = (near.underlay(evidence)?, far.underlay(evidence)?);
    let head = if near.of.remote.is_some_and(|ip| ip.is_ipv6()) { 70 } else { 50 };
    let below = under.links_between(&from.name, Some(&to.name));
    let mut narrow: Vec<(&Space, &Link)> =
        below.into_iter().filter(|(_, link)| link.vxlan.is_none() && link.mtu < length + head).collect();
    for end in [near, far] {
        let space = end.underlay(evidence)?;
        if let Some(link) = end.of.dev.and_then(|index| space.link_at(index))
            && link.mtu < length + head
            && !narrow.iter().any(|(at, known)| at.name == space.name && known.index == link.index)
        {
            narrow.push((space, link));
        }
    }
    if smallest >= length && (narrow.is_empty() || !evidence.probe.df) {
        return None;
    }
    let mut fix: Vec<String> = narrow
        .iter()
        .map(|(space, link)| {
            format!("{} link set {} mtu {}", evidence.ip(&space.name), link.name, (length + head).max(1500))
        })
        .collect();
    for end in [near, far].iter().filter(|end| end.link.mtu < length) {
        fix.push(format!("{} link set {} mtu {length}", evidence.ip(&end.space.name), end.link.name));
    }
    let names: Vec<String> = narrow
        .iter()
        .map(|(space, link)| format!("{}'s {} carries {}", space.name, link.name, link.mtu))
        .collect();
    let text = format!(
        "a VXLAN takes {head} bytes of each packet: {} has an MTU of {smallest}, and the packet has {length}{}; what is below must carry {}{}{}",
        near.name(),
        if evidence.probe.df { " and must not be cut (DF)" } else { "" },
        length + head,
        if names.is_empty() { "" } else { ", and " },
        names.join(" and ")
    );
    let mut one = near.suspect(evidence, Cause::VxlanMtu, text, fix);
    one.rank = Tier::Named.close();
    Some(one)
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::VxlanTtlTooSmall,
        title: "the outer packets of a VXLAN die on the way",
        symptom: "`Destination Host Unreachable`: outer packets leave and are discarded by a router.",
        cause: "`ttl` of the VXLAN is smaller than the number of hops to the other end.",
        evidence: "The number behind `ttl`:\n  ip -n NS -d link show vx0",
        cure: "Raise it:\n  ip -n NS link set vx0 type vxlan id 42 ttl 64",
    },
    Page {
        id: Cause::VxlanMtu,
        title: "a packet does not fit with the header of a VXLAN",
        symptom: "`message too long`, or large packets vanish while small ones pass.",
        cause: "A VXLAN puts 50 bytes before each frame (70 over IPv6), so what is below must carry that much more.",
        evidence: "Compare the MTUs:\n  ip -n NS link show vx0\n  ip -n NS link show eth0",
        cure: "Raise what is below first, then the VXLAN:\n  ip -n NS link set eth0 mtu 1550\n  ip -n NS link set vx0 mtu 1500",
    },
];
