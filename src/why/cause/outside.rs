//! Addresses outside of the lab, as that of a server of the internet. Nobody in the lab can
//! answer for them, but the way out can be followed to its last machine.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Net, Route, RouteQuestion, Space};
use crate::why::Cause;
use crate::why::command::slip::resembles;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib;
use crate::why::evidence::ground::network;
use crate::why::evidence::way::forwarding_key;
use std::net::IpAddr;

/// The most machines on the way out that are looked at.
const MOST: usize = 16;

/// Suspects that the target is outside of the lab, and says what is missing on the way there.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(dst) = evidence.shot.target.filter(|dst| evidence.is_outside(*dst)) else { return Vec::new() };
    let way = Path::follow(evidence, dst);
    let last = way.machines.last().copied().unwrap_or(evidence.from());
    let text = match way.missing.is_empty() {
        true => format!("{dst} is outside of this lab, and nobody beyond {} answers for it", last.name),
        false => format!(
            "{}; and {dst} is outside of this lab: nobody beyond {} answers for it",
            way.missing.join("; "),
            last.name
        ),
    };
    let mut suspect = suspect(Cause::AddressOutside, dst.to_string(), text, Vec::new());
    suspect.evidence =
        way.machines.iter().map(|space| format!("{} route get {dst}", evidence.ip(&space.name))).collect();
    vec![Suspicion { rank: Tier::Named.exact(), sure: true, suspect }]
}

/// The way out of the lab.
struct Path<'a> {
    /// The sender, and the machines that pass its packets on.
    machines: Vec<&'a Space>,
    /// The faults on the way, each with the command that mends it.
    missing: Vec<String>,
}

impl<'a> Path<'a> {
    fn follow(evidence: &'a Evidence, dst: IpAddr) -> Self {
        let mut way = Self { machines: vec![evidence.from()], missing: Vec::new() };
        while let Some(next) = way.next(evidence, dst) {
            if way.machines.iter().any(|known| known.name == next.name) || way.machines.len() >= MOST {
                break;
            }
            way.machines.push(next);
        }
        // The last machine passes nothing on inside the lab, unless it is the host.
        let last = way.machines.len() - 1;
        for (at, space) in way.machines.clone().into_iter().enumerate().skip(1) {
            if at < last || space.name == "host" {
                way.forwards(evidence, space, dst);
            }
        }
        way.hides(evidence, dst);
        way
    }

    /// Returns the next machine: the gateway of the last one, or the likely gateway if it has no
    /// route.
    fn next(&mut self, evidence: &'a Evidence, dst: IpAddr) -> Option<&'a Space> {
        let here = self.machines.last().copied()?;
        let answer = evidence.kernel.route_get(&here.name, &RouteQuestion::to(dst));
        if let Some(route) = answer.as_ref().ok().filter(|route| fib::is_usable(route)) {
            let via = route.via()?;
            let owner = evidence.owner_on_wire(here, route.dev()?, via);
            if owner.is_none() {
                self.missing.push(format!("nobody on that wire has {via}, the gateway of {}", here.name));
            }
            return owner;
        }
        if self.machines.len() > 1 {
            return None;
        }
        let has_default = |route: &&Route| {
            route.dst.len == 0 && route.dst.ip.is_ipv6() == dst.is_ipv6() && fib::is_dead_end(route)
        };
        if let Some(route) = here.routes.iter().find(has_default) {
            self.missing.push(format!("{}'s default route is of the type {}", here.name, route.kind));
            return None;
        }
        // Beyond the host is the real machine's uplink, and no machine of the lab.
        let gateway = gateway(evidence, here, dst).filter(|_| here.name != "host");
        self.missing.push(match gateway {
            Some((_, ip)) => format!(
                "{} has no default route (`{} route add default via {ip}`)",
                here.name,
                evidence.ip(&here.name)
            ),
            None => format!("{} has no default route, and no machine beside it leads out", here.name),
        });
        gateway.map(|(space, _)| space)
    }

    /// Checks that a machine passes packets on.
    fn forwards(&mut self, evidence: &Evidence, space: &Space, dst: IpAddr) {
        if evidence.is_no_router(space, dst) {
            let key = forwarding_key(dst);
            let command = evidence.sysctl(&space.name, key, "1");
            self.missing.push(format!("{} does not forward: {key}=0 (`{command}`)", space.name));
        }
    }

    /// Checks that a machine on the way translates a private source, which nobody outside can
    /// answer.
    fn hides(&mut self, evidence: &Evidence, dst: IpAddr) {
        let (Some(last), Some(IpAddr::V4(src))) = (self.machines.last(), evidence.source()) else { return };
        if self.machines.len() < 2 || !src.is_private() || !dst.is_ipv4() {
            return;
        }
        let translates = self.machines.iter().skip(1).any(|space| {
            let wall = evidence.shot.walls.iter().find(|wall| wall.netns == space.name);
            wall.is_some_and(|wall| {
                wall.after.rules.iter().any(|rule| {
                    ["MASQUERADE", "SNAT"].iter().any(|target| rule.spec.to_uppercase().contains(target))
                })
            })
        });
        if !translates {
            let net = evidence.network_of(src.into()).unwrap_or(Net { ip: src.into(), len: 32 });
            let rule = format!("iptables -t nat -A POSTROUTING -s {net} -j MASQUERADE");
            let command = evidence.exec(&last.name, &rule);
            self.missing.push(format!(
                "{} lets the private source {src} out as it is, to which nobody can answer (`{command}`)",
                last.name
            ));
        }
    }
}

/// Returns the machine on a wire of this one that is most likely its router, and the address
/// that both can use.
fn gateway<'a>(evidence: &'a Evidence, here: &Space, dst: IpAddr) -> Option<(&'a Space, IpAddr)> {
    let v6 = dst.is_ipv6();
    let own: Vec<Net> = here
        .addrs
        .iter()
        .filter(|addr| addr.ip.is_ipv6() == v6 && !addr.ip.is_loopback())
        .map(|addr| network(addr.ip, addr.prefix_len))
        .collect();
    let near = here.links.iter().flat_map(|link| evidence.ground.neighbours(&here.name, link));
    let near = near.filter(|end| end.space.name != here.name);
    let mut routers: Vec<(bool, bool, bool, &Space, IpAddr)> = near
        .filter_map(|end| {
            let ip = end.addrs(v6).map(|addr| addr.ip).find(|ip| own.iter().any(|net| net.contains(*ip)))?;
            let space = end.space;
            // A machine whose own default leads here is no way out.
            let mut back = space.routes.iter().filter(|route| route.dst.len == 0).filter_map(Route::via);
            if back.any(|via| here.addrs.iter().any(|addr| addr.ip == via)) {
                return None;
            }
            let leads = evidence.reaches_by_route(&space.name, dst);
            let several =
                space.links.iter().filter(|link| !link.loopback && link.master.is_none()).count() > 1;
            Some((leads, !evidence.is_no_router(space, dst), several || space.name == "host", space, ip))
        })
        .collect();
    routers.sort_by_key(|(leads, forwards, between, ..)| std::cmp::Reverse((*leads, *forwards, *between)));
    let (leads, forwards, between, space, ip) = *routers.first()?;
    (leads || forwards || between).then_some((space, ip))
}

impl Evidence<'_> {
    /// Tells whether an address is outside of the lab: it is public, and no address, route, rule
    /// or command of the lab is about it or is similar.
    pub(super) fn is_outside(&self, ip: IpAddr) -> bool {
        let addrs = || self.survey.spaces.iter().flat_map(|space| &space.addrs);
        let routes = || self.survey.spaces.iter().flat_map(|space| &space.routes);
        let like = |other: IpAddr| is_public(other) && resembles(other, ip);
        let is_about = |word: &str| {
            Net::parse(word).is_some_and(|net| net.len > 0 && (net.contains(ip) || like(net.ip)))
        };
        is_public(ip)
            && !ip.is_multicast()
            && !addrs().any(|addr| like(addr.ip) || network(addr.ip, addr.prefix_len).contains(ip))
            && !routes().any(|route| route.dst.len > 1 && route.dst.contains(ip))
            && !self.typed.iter().flat_map(|typed| &typed.raw).any(|word| is_about(word))
            && !self.shot.walls.iter().flat_map(|wall| &wall.after.rules).any(|rule| {
                let is_net = |word: &str| Net::parse(word).is_some_and(|net| net.len > 0 && net.contains(ip));
                rule.spec.split_whitespace().any(is_net) || rule.spec.to_uppercase().contains("TPROXY")
            })
    }
}

/// Tells whether an address is routed on the internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 0x40;
            let own = v4.is_private() || v4.is_link_local() || v4.is_loopback() || shared;
            !own && !v4.is_unspecified() && fib::unroutable(ip).is_none() && !v4.is_broadcast()
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::AddressOutside,
    title: "the address is outside of the lab, where nobody answers",
    symptom: "`Network is unreachable` without a default route; silence or `Destination Net Unreachable` with one.",
    cause: "A lab has the machines that it builds, and no way to the internet. A packet for an address outside gets as far as the last machine of the lab, if each one has a default route, forwards, and one hides the private source.",
    evidence: "Follow the way, machine by machine:\n  ip -n NS route get ADDR\n  ip netns exec ROUTER sysctl net.ipv4.ip_forward\n  ip netns exec ROUTER iptables -t nat -S",
    cure: "Have a namespace stand for the world outside, with an address in the place of the real one:\n  ip netns add internet\n  ip -n internet addr add 8.8.8.8/32 dev lo",
}];
