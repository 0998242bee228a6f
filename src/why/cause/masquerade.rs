//! Private sources that leave a router untranslated, and helpers for NAT.

use super::firewall::BlockedPacket;
use super::ipv6::is_link_local;
use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::Space;
use crate::net::{Backend, SeenPacket, Sighting, TracedPacket, nft_command, typed};
use crate::why::Cause;
use crate::why::evidence::ground::network;
use crate::why::evidence::{Evidence, fib};
use crate::why::look::shot::Wall;
use std::net::IpAddr;

/// Returns the first request of the probe that was seen in a namespace.
pub(super) fn request_at<'a>(evidence: &'a Evidence, ns: &str, out: bool) -> Option<&'a Sighting> {
    passed_at(evidence, evidence.survey.space(ns)?, Passed::Request, out)
}

/// Returns the first packet of a kind that entered or left a namespace by a link that is no port.
pub(super) fn passed_at<'a>(
    evidence: &'a Evidence,
    space: &Space,
    passed: Passed,
    out: bool,
) -> Option<&'a Sighting> {
    evidence.shot.sightings.iter().find(|seen| {
        seen.netns == space.name
            && seen.out == out
            && evidence.shot.passed(seen) == Some(passed)
            && space.link(&seen.dev).is_none_or(|link| link.master.is_none())
    })
}

/// Converts a captured packet to the form that rules are matched against.
pub(super) fn traced(seen: &Sighting) -> TracedPacket {
    let ends = seen.packet.ends();
    let mut packet = TracedPacket {
        src: ends.map(|(src, _)| src),
        dst: ends.map(|(_, dst)| dst),
        ..TracedPacket::default()
    };
    match &seen.packet {
        SeenPacket::Echo { src, .. } => packet.proto = Some(if src.is_ipv4() { 1 } else { 58 }),
        SeenPacket::Tcp { ports, .. } => {
            (packet.proto, packet.sport, packet.dport) = (Some(6), Some(ports.0), Some(ports.1));
        }
        SeenPacket::Udp { ports, .. } => {
            (packet.proto, packet.sport, packet.dport) = (Some(17), Some(ports.0), Some(ports.1));
        }
        _ => {}
    }
    packet
}

/// Returns the last router of the request, with the interface and the source that it left
/// with.
pub(super) fn last_router<'a>(evidence: &'a Evidence) -> Option<(&'a Space, &'a str, IpAddr)> {
    let seen = evidence.shot.sightings.iter().rfind(|seen| {
        seen.out
            && seen.netns != evidence.probe.from
            && evidence.shot.passed(seen) == Some(Passed::Request)
            && evidence
                .survey
                .space(&seen.netns)
                .and_then(|space| space.link(&seen.dev))
                .is_some_and(|link| link.master.is_none())
            && request_at(evidence, &seen.netns, false).is_some()
    })?;
    Some((evidence.survey.space(&seen.netns)?, &seen.dev, seen.packet.ends()?.0))
}

/// Returns the routers of the request in the order of its way, each with the interface and the
/// source that it left with.
fn routers<'a>(evidence: &'a Evidence) -> Vec<(&'a Space, &'a str, IpAddr)> {
    let mut routers: Vec<(&Space, &str, IpAddr)> = Vec::new();
    for space in evidence.spaces_on_the_way() {
        let passes = request_at(evidence, &space.name, false).zip(request_at(evidence, &space.name, true));
        let Some((_, out)) = passes.filter(|_| space.name != evidence.probe.from) else { continue };
        routers.extend(out.packet.ends().map(|(src, _)| (space, out.dev.as_str(), src)));
    }
    routers
}

/// Returns the family of an address, as nft names it.
pub(super) fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "ip" } else { "ip6" }
}

/// Tells whether an address is for inner networks (RFC 1918, RFC 4193).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// Suspects a router without MASQUERADE: a private source leaves untranslated. The namespace
/// where the request or its answer was lost has a route to the router, and none to the source.
pub(super) fn missing(evidence: &Evidence) -> Vec<Suspicion> {
    let knows = |space: &Space, ip: IpAddr| fib::best(space, 254, ip).is_some_and(fib::is_usable);
    let Some(dst) = evidence.shot.target else { return Vec::new() };
    let Some(lost) = evidence.survey.space(&evidence.stuck.ns) else { return Vec::new() };
    let has_arrived = evidence.targets().iter().any(|target| target.name == lost.name);
    let has_address = |space: &Space, dev: &str| {
        space.addrs.iter().any(|addr| {
            addr.dev == dev
                && addr.ip.is_ipv4() == dst.is_ipv4()
                && !is_link_local(addr.ip)
                && knows(lost, addr.ip)
        })
    };
    let hides = |(space, out, src): &(&Space, &str, IpAddr)| {
        space.name != lost.name && is_private(*src) && !knows(lost, *src) && has_address(space, out)
    };
    let found = routers(evidence).into_iter().find(hides).filter(|_| has_arrived || evidence.stuck.is_back());
    let Some((router, out, src)) = found else { return Vec::new() };
    let Some(wall) = evidence.shot.walls.iter().find(|wall| wall.netns == router.name) else {
        return Vec::new();
    };
    // The network of the sender.
    let usual = if src.is_ipv4() { 24 } else { 64 };
    let len = evidence.from().addrs.iter().find(|addr| addr.ip == src).map_or(usual, |addr| addr.prefix_len);
    let net = network(src, len);
    let native = wall.after.rules.iter().any(|rule| rule.backend == Backend::Nft && rule.table == "nat");
    let backend = if native { Backend::Nft } else { Backend::IptablesNft };
    let words = match backend {
        Backend::Nft => format!("{} saddr {net} oifname \"{out}\" masquerade", family(src)),
        _ => format!("-s {net} -o {out} -j MASQUERADE"),
    };
    let text = format!(
        "the private source {src} leaves {} by {out} untranslated, and {} has no route back to it: there is no MASQUERADE (a route back in {} would do as well)",
        router.name, lost.name, lost.name
    );
    let fix = source_nat(evidence, wall, backend, family(src), &words);
    if fix.is_empty() {
        return Vec::new();
    }
    // Private sources are not routed on a public network. A router whose own address there is
    // private as well is an inner one.
    let is_inner = router.addrs.iter().any(|addr| addr.dev == out && is_private(addr.ip));
    let rank = if is_private(dst) || is_inner { Tier::OnTheWay.plain() } else { Tier::Named.plain() };
    let mut suspect = suspect(Cause::MasqueradeMissing, format!("{}: {out}", router.name), text, fix);
    let look = match backend {
        Backend::Nft => "nft list ruleset",
        _ if src.is_ipv6() => "ip6tables -t nat -S POSTROUTING",
        _ => "iptables -t nat -S POSTROUTING",
    };
    suspect.evidence = vec![evidence.exec(&router.name, look)];
    vec![Suspicion { rank, sure: false, suspect }]
}

impl BlockedPacket<'_> {
    /// Suspects MASQUERADE on an interface without an address, such as a bridge: it would
    /// use that address, and drops the packet instead.
    pub fn nothing_to_hide_behind(&self) -> Option<Suspicion> {
        let out = self.stop.oif.as_deref()?;
        let (src, dst) = (self.stop.packet.src?, self.stop.packet.dst?);
        let link = self.space.link(out)?;
        let bare = !self
            .space
            .addrs
            .iter()
            .any(|addr| addr.index == link.index && addr.ip.is_ipv4() == src.is_ipv4());
        if !self.culprit.spec.to_uppercase().contains("MASQUERADE") || !bare {
            return None;
        }
        let text = format!(
            "{}: MASQUERADE takes the address of the interface by which a packet leaves, and {out} has none",
            self.what_happened()
        );
        let net = self.evidence.network_of(dst).filter(|net| net.contains(src))?;
        let text = format!("{text}; what stays in {net} needs no other address");
        let words = match self.native() {
            true => format!("ip saddr {net} ip daddr {net} accept"),
            false => format!("-s {net} -d {net} -j ACCEPT"),
        };
        let fix = self.insert(&words)?;
        Some(self.found(Cause::MasqueradeWithoutAddress, text, vec![fix], Tier::Named.plain(), true))
    }
}

/// Returns the command that adds a rule for source NAT; the family is `ip` or `ip6`.
pub(super) fn source_nat(
    evidence: &Evidence,
    wall: &Wall,
    backend: Backend,
    family: &str,
    words: &str,
) -> Vec<String> {
    let command = match backend {
        Backend::Nft => {
            let chain = wall.after.rules.iter().find(|rule| {
                rule.backend == Backend::Nft
                    && rule.policy
                    && rule.hook.as_deref() == Some("postrouting")
                    && [family, "inet"].contains(&rule.family.as_str())
            });
            match chain {
                Some(chain) => nft_command(&format!(
                    "add rule {} {} {} {words}",
                    chain.family,
                    typed(&chain.table),
                    typed(&chain.chain)
                )),
                // No base chain is there to add the rule to.
                None => nft_command(&format!(
                    "add table {family} nat; add chain {family} nat postrouting {{ type nat hook postrouting priority srcnat; }}; add rule {family} nat postrouting {words}"
                )),
            }
        }
        backend => {
            format!("{} -t nat -A POSTROUTING {words}", backend.tool(family))
        }
    };
    vec![evidence.exec(&wall.netns, &command)]
}

/// Tells whether a program listens on a TCP port of an address.
pub(super) fn listens(space: &Space, ip: IpAddr, port: u16) -> bool {
    listens_by(space, "tcp", ip, port)
}

/// Tells whether a program listens on a port of an address, `tcp` or `udp`.
pub(super) fn listens_by(space: &Space, proto: &str, ip: IpAddr, port: u16) -> bool {
    space.listeners.iter().any(|one| one.proto == proto && one.port == port && one.serves(ip))
}

/// Returns the TCP ports of an address that programs listen on.
pub(super) fn ports(space: &Space, ip: IpAddr) -> Vec<u16> {
    let mut ports: Vec<u16> = space
        .listeners
        .iter()
        .filter(|one| one.proto == "tcp" && listens(space, ip, one.port))
        .map(|one| one.port)
        .collect();
    ports.dedup();
    ports
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::MasqueradeMissing,
        title: "a private source leaves untranslated",
        symptom: "Silence: the request arrives, the answer has no way back.",
        cause: "Networks like 10.0.0.0/8 are not routed outside. The router has to put its own address in their place.",
        evidence: "The source of what leaves is private:\n  ip netns exec ROUTER tcpdump -ni OUT\n  ip netns exec ROUTER iptables -t nat -S",
        cure: "Translate it (or add a route back, where the other end is yours):\n  iptables -t nat -A POSTROUTING -s NET -o OUT -j MASQUERADE",
    },
    Page {
        id: Cause::MasqueradeWithoutAddress,
        title: "MASQUERADE has no address to put in",
        symptom: "Silence: the rule that should rewrite drops.",
        cause: "MASQUERADE takes the address of the interface by which a packet leaves, and drops it where there is none. A bridge often has none, and with br_netfilter what only passes it goes through POSTROUTING as well.",
        evidence: "Which interface has no address?\n  ip netns exec NS iptables -t nat -vS POSTROUTING\n  ip -n NS -br addr",
        cure: "Leave alone what stays in its network:\n  ip netns exec NS iptables -t nat -I POSTROUTING -s NET -d NET -j ACCEPT",
    },
];
