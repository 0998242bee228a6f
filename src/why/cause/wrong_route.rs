//! Routes that lead elsewhere: to a wrong gateway, out of a wrong interface, to one of two equal
//! gateways that loses the packet.

use super::ipv6::is_link_local;
use super::page::Page;
use super::rank::Tier;
use super::route::{About, metric};
use super::{Suspicion, suspect};
use crate::net::survey::{Hop, Net, PolicyRule, Route};
use crate::net::typed;
use crate::why::Cause;
use crate::why::command::say::{scope, table, words};
use crate::why::command::slip::resembles;
use crate::why::evidence::fib;
use crate::why::evidence::ground::Crossing;
use std::net::IpAddr;

impl About<'_> {
    /// Suspects a route that leads elsewhere.
    pub fn wrong(
        &self,
        rule: &PolicyRule,
        route: &Route,
        step: Crossing,
        gateway: Option<IpAddr>,
    ) -> Option<Suspicion> {
        let Self { evidence, space, flow, back, .. } = self;
        let dst = flow.dst;
        let ip = self.ip();
        let bad = self.chosen(route)?;
        let goes = match bad.via {
            Some(via) => {
                let whose = match evidence.ground.owners(via).first() {
                    None => "which nobody has".to_string(),
                    Some((owner, _)) if owner.name == space.name => "which is its own".to_string(),
                    Some((owner, _)) if evidence.is_no_router(owner, dst) => {
                        format!("which is {}, no router: it forwards nothing", owner.name)
                    }
                    Some((owner, _)) => format!("which is {}'s, and does not lead there", owner.name),
                };
                format!("via {via}, {whose}")
            }
            None => format!("straight out of {}, where {dst} is not", bad.dev),
        };
        let right = match gateway {
            Some(gateway) => format!("the way to {dst} is by {}, at {gateway}", step.into.space.name),
            None => format!("{dst} is on the wire of {}", step.out.link.name),
        };
        let from_table = if fib::is_default(rule) {
            String::new()
        } else {
            format!(" in table {} (by rule {}: {})", route.table, rule.pref, words(rule))
        };
        let shown =
            if route.dst.len == 0 { "default route".to_string() } else { format!("route to {}", route.dst) };
        let goes = match route.hops.len() {
            0 | 1 => format!("goes {goes}"),
            hops if dst.is_ipv6() => format!("has {hops} next hops, one of them {goes}"),
            hops => format!("has {hops} next hops, and these packets are hashed to the one {goes}"),
        };
        let mut text = match self.connected(route, step).filter(|_| gateway.is_none()) {
            Some(net) => format!(
                "table {} of {}, which rule {} ({}) leads to, has no route to {net}, which is on {}: its {shown} takes the packet{}{back}",
                route.table,
                space.name,
                rule.pref,
                words(rule),
                step.out.link.name,
                bad.via.map(|via| format!(" to {via}")).unwrap_or_default()
            ),
            None => format!("{}'s {shown}{from_table} {goes}; {right}{back}", space.name),
        };
        // Another route may be right once this one is deleted.
        let mut without = (*space).clone();
        without.routes.retain(|other| other != route);
        let other =
            fib::decide(&without, flow).and_then(|(_, other)| other).filter(|other| fib::is_usable(other));
        let other_right = other.is_some_and(|other| match gateway {
            Some(gateway) => other.via() == Some(gateway),
            None => other.via().is_none() && other.dev() == Some(&step.out.link.name),
        });
        let table = table(route);
        let kernel = route.protocol == "kernel" && route.via().is_none();
        let fix = match (other_right, gateway) {
            (true, _) if !kernel && fib::is_default(rule) => {
                if let Some(other) =
                    other.filter(|other| other.dst == route.dst && other.table == route.table)
                {
                    text += &format!("; its metric {} beats the right one's {}", route.metric, other.metric);
                }
                vec![self.delete(route)]
            }
            (_, Some(gateway)) if kernel => vec![format!(
                "{ip} route add {} via {gateway}{}",
                evidence.network_of(dst).map_or(dst.to_string(), |net| if net == route.dst {
                    dst.to_string()
                } else {
                    net.to_string()
                }),
                scope(gateway, step)
            )],
            (_, Some(gateway)) => vec![format!(
                "{ip} route replace {} via {gateway}{}{table}{}",
                route.dst,
                scope(gateway, step),
                metric(route)
            )],
            (_, None) => {
                let out = &step.out.link.name;
                match route.dst.len == if dst.is_ipv6() { 128 } else { 32 } || !kernel {
                    true => vec![self.delete(route)],
                    false => vec![format!("{ip} route add {dst} dev {out}")],
                }
            }
        };
        let mut suspect = suspect(Cause::WrongGateway, format!("{}: {}", space.name, route.dst), text, fix);
        if bad.via.is_none() {
            suspect.id = Cause::RouteWrongDevice.to_string();
        }
        let is_dead = bad.via.is_some_and(|via| evidence.ground.owners(via).is_empty());
        match self.more_specific(rule, route, step, gateway).map(|command| vec![command]) {
            // A gateway that nobody has serves no other packets.
            Some(specific) if suspect.fix == specific || is_dead => {}
            Some(specific) if fib::is_default(rule) => suspect.narrower = vec![specific],
            // The routes of a table with a rule of its own are there on purpose.
            Some(specific) => suspect.narrower = vec![std::mem::replace(&mut suspect.fix, specific)],
            None => {}
        }
        Some(Suspicion { rank: self.tier.close(), sure: false, suspect })
    }

    /// Suspects a route to a gateway that does not answer and that nobody has, where another route
    /// would take the packet. Nobody has to have the target: a service's address is translated
    /// elsewhere.
    pub fn dead_gateway(&self, route: &Route) -> Option<Suspicion> {
        let Self { evidence, space, flow, back, .. } = self;
        let via = self.chosen(route)?.via?;
        if !evidence.asks_for(&space.name, via) || !evidence.ground.owners(via).is_empty() {
            return None;
        }
        if let Some(found) = self.mistyped_gateway(route, via) {
            return Some(found);
        }
        let mut without = (*space).clone();
        without.routes.retain(|other| other != route);
        let (_, other) = fib::decide(&without, flow)?;
        let next = other.filter(|other| fib::is_usable(other))?.via()?;
        if evidence.ground.owners(next).is_empty() {
            return None;
        }
        let text = format!(
            "{}'s route to {} goes via {via}, which nobody has; without it, {} goes via {next}{back}",
            space.name, route.dst, flow.dst
        );
        let place = format!("{}: {}", space.name, route.dst);
        let suspect = suspect(Cause::WrongGateway, place, text, vec![self.delete(route)]);
        Some(Suspicion { rank: self.tier.close(), sure: false, suspect })
    }

    /// Suspects a gateway that nobody has of being a slip for one on its wire.
    fn mistyped_gateway(&self, route: &Route, via: IpAddr) -> Option<Suspicion> {
        let Self { evidence, space, flow, back, .. } = self;
        let hop = self.chosen(route)?;
        let ends = evidence.ground.neighbours(&space.name, space.link(&hop.dev)?);
        let near = ends.iter().flat_map(|end| end.addrs(via.is_ipv6()).map(|addr| (end.space, addr.ip)));
        let near = near.filter(|(_, ip)| resembles(*ip, via) && !is_link_local(*ip));
        let distance = |ip: IpAddr| strsim::damerau_levenshtein(&ip.to_string(), &via.to_string());
        let (owner, meant) = near.min_by_key(|(_, ip)| distance(*ip))?;
        if route.hops.len() > 1 || evidence.is_no_router(owner, flow.dst) {
            return None;
        }
        let text = format!(
            "{}'s route to {} goes via {via}, which nobody has and which looks like a slip for {meant}, {}'s address on that wire{back}",
            space.name, route.dst, owner.name
        );
        let onlink = if hop.flags.iter().any(|flag| flag == "onlink") { " onlink" } else { "" };
        let table = table(route);
        let fix = format!(
            "{} route replace {} via {meant} dev {}{onlink}{table}{}",
            self.ip(),
            route.dst,
            typed(&hop.dev),
            metric(route)
        );
        let place = format!("{}: {}", space.name, route.dst);
        let suspect = suspect(Cause::WrongGateway, place, text, vec![fix]);
        Some(Suspicion { rank: self.tier.exact(), sure: false, suspect })
    }

    /// Returns the next hop of a route that the kernel takes for the flow.
    pub fn chosen<'r>(&self, route: &'r Route) -> Option<&'r Hop> {
        let first = route.hops.iter().find(|hop| hop.via.is_some()).or(route.hops.first());
        if route.hops.len() < 2 {
            return first;
        }
        let answer = self.evidence.kernel.route_get(&self.space.name, &self.flow.question()).ok();
        let is_it = |hop: &&Hop| {
            let answer = answer.as_ref();
            answer.is_some_and(|answer| (answer.via(), answer.dev()) == (hop.via, Some(hop.dev.as_str())))
        };
        route.hops.iter().find(is_it).or(first)
    }

    /// Returns the command that adds a route to the target's network beside a wrong route of a
    /// shorter prefix, which stays for all other packets. For a wrong route to that very network
    /// there is none, unless its table has a rule of its own.
    fn more_specific(
        &self,
        rule: &PolicyRule,
        route: &Route,
        step: Crossing,
        gateway: Option<IpAddr>,
    ) -> Option<String> {
        let Self { evidence, space, flow, .. } = self;
        let dst = flow.dst;
        let net = evidence.network_of(dst).filter(|net| net.len > route.dst.len);
        if net.is_none() && fib::is_default(rule) {
            return None;
        }
        let net = net.filter(|_| gateway.is_some());
        let shown = net.map_or_else(|| dst.to_string(), |net| net.to_string());
        let len = net.map_or_else(|| evidence.most(dst.is_ipv6()), |net| net.len);
        // A rule before it that takes only the longer prefixes of table main would find it there.
        let main = space.rules.iter().any(|one| {
            let takes = one.suppress_prefixlength.is_some_and(|most| most < u32::from(len));
            one.pref < rule.pref && one.table == Some(254) && takes && fib::matches(one, flow)
        });
        let table = match route.table {
            254 => String::new(),
            _ if main => String::new(),
            table => format!(" table {table}"),
        };
        let ip = self.ip();
        Some(match gateway {
            Some(gateway) => format!("{ip} route add {shown} via {gateway}{}{table}", scope(gateway, step)),
            None => {
                let shown =
                    self.connected(route, step).map_or_else(|| dst.to_string(), |net| net.to_string());
                format!("{ip} route add {shown} dev {}{table}", step.out.link.name)
            }
        })
    }

    /// Returns the network of the target on the right link if table main has it from an address
    /// there, and the packet is looked up in another table.
    fn connected(&self, route: &Route, step: Crossing) -> Option<Net> {
        let main = fib::best(self.space, 254, self.flow.dst).filter(|_| route.table != 254)?;
        let is_it = main.protocol == "kernel" && main.dev() == Some(step.out.link.name.as_str());
        is_it.then_some(main.dst)
    }

    /// Suspects one of two equal routes: the kernel takes the first, and the packet is lost
    /// beyond its gateway, while the other one leads to the target too.
    pub fn rival(&self, route: &Route) -> Option<Suspicion> {
        let Self { evidence, space, flow, .. } = self;
        // Equal routes of IPv6 become one with several next hops.
        if flow.dst.is_ipv6() {
            return None;
        }
        let gateway_of = |route: &Route| {
            let via = route.via()?;
            let owner = evidence.owner_on_wire(space, route.dev()?, via)?;
            Some((via, owner))
        };
        let other = space.routes.iter().find(|other| {
            let same = (other.dst, other.table, other.metric, &other.kind)
                == (route.dst, route.table, route.metric, &route.kind);
            same && *other != route && other.via() != route.via()
        })?;
        let ((via, owner), (other_via, other_owner)) = (gateway_of(route)?, gateway_of(other)?);
        let leads = !evidence.is_no_router(other_owner, flow.dst)
            && evidence.reaches_by_route(&other_owner.name, flow.dst)
            && other_owner.name != owner.name;
        if evidence.stuck.ns == space.name || evidence.stuck.is_back() == self.there || !leads {
            return None;
        }
        let what =
            if route.dst.len == 0 { "default routes".into() } else { format!("routes to {}", route.dst) };
        let text = format!(
            "{} has two {what} of the same metric: the kernel takes the first one, via {via}, and {}; the other one, via {other_via}, leads to {} by {}",
            space.name,
            match evidence.stuck.ns == owner.name {
                true => format!("{} does not pass the packet on", owner.name),
                false => format!("the packet is lost beyond {}", owner.name),
            },
            flow.dst,
            other_owner.name
        );
        let place = format!("{}: {}", space.name, route.dst);
        let mut suspect = suspect(Cause::WrongGateway, place, text, vec![self.delete(route)]);
        suspect.evidence = vec![format!("{} route show {}", self.ip(), route.dst)];
        Some(Suspicion { rank: Tier::Named.exact(), sure: false, suspect })
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::WrongGateway,
        title: "a route leads to a gateway that is none",
        symptom: "`Destination Host Unreachable` where nobody has the gateway's address; silence where somebody has it and does not forward.",
        cause: "The address behind `via` has a slip, is of somebody who is no router, or of one who does not know the way.",
        evidence: "Who has the address behind `via`?\n  ip -n NS route get ADDR\n  ip -n NS neigh",
        cure: "Name the right one:\n  ip -n NS route replace NETWORK/LEN via GATEWAY",
    },
    Page {
        id: Cause::RouteWrongDevice,
        title: "a route leads out of the wrong interface",
        symptom: "`Destination Host Unreachable`: the question who has the address goes out where it is not.",
        cause: "Of all routes that contain the address, the one with the longest mask wins, then the one with the smallest metric. The winner names another interface than the one behind which the address is.",
        evidence: "What stands behind `dev`?\n  ip -n NS route get ADDR",
        cure: "Delete the route that wins wrongly, or have it name the right one:\n  ip -n NS route del NETWORK/LEN dev WRONG",
    },
];
