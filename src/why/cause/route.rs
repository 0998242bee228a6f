//! Routes and rules of all namespaces on the way, there and back: each one's tables have
//! to lead to the next namespace.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::rules;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{PolicyRule, Route, Space};
use crate::why::Cause;
use crate::why::command::say::scope;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib::{self, Flow};
use crate::why::look::gate::{Gate, is_local};
use std::net::IpAddr;

/// Suspects routes.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(dst) = evidence.shot.target else { return Vec::new() };
    let src = evidence.source();
    let mut found = leg(evidence, evidence.from(), dst, src, true);
    // DNAT gives the packet another destination, and so another way from there on.
    if let Some(new) = &evidence.stuck.translated
        && let Some(space) = evidence.survey.space(&new.ns)
    {
        found.extend(leg(evidence, space, new.dst, src, true));
    }
    // The target replies to the source that it sees in the request.
    let own = evidence.destination().unwrap_or(dst);
    if let (Some((src, own)), Some(start)) =
        (evidence.ends_at_target().or(src.map(|src| (src, own))), evidence.answerer())
    {
        found.extend(leg(evidence, start, src, Some(own), false));
    }
    found.extend(rules::without_local(evidence, dst.is_ipv6()));
    found
}

/// Suspects the tables of the namespaces on one leg of the way.
fn leg(evidence: &Evidence, start: &Space, dst: IpAddr, src: Option<IpAddr>, there: bool) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let way = evidence.way_to(&start.name, dst).unwrap_or_default();
    // A router got the packet by an interface.
    let begins = !there || start.name == evidence.probe.from;
    let entered = evidence.shot.sightings.iter().find(|seen| {
        !begins
            && seen.netns == start.name
            && !seen.out
            && evidence.shot.passed(seen) == Some(Passed::Request)
    });
    let mut came = entered.map(|seen| seen.dev.as_str());
    let mut walked = vec![start];
    for step in &way {
        walked.push(step.into.space);
    }
    // The namespace where the packet was last seen, even if the intended way does not
    // pass it.
    let strays = evidence.survey.spaces.iter().filter(|space| space.name == evidence.stuck.ns);
    for stray in strays {
        if evidence.gate == Gate::Forward
            && evidence.stuck.is_back() != there
            && !walked.iter().any(|known| known.name == stray.name)
        {
            walked.push(stray);
        }
    }
    for (at, space) in walked.iter().enumerate() {
        if is_local(space, dst) && (at > 0 || space.addrs.iter().any(|addr| addr.ip == dst)) {
            break;
        }
        let flow = Flow {
            dst,
            src: src.filter(|_| at > 0 || !there || !begins || evidence.probe.interface.is_some()),
            iif: came,
            mark: 0,
        };
        found.extend(table(evidence, space, &flow, there));
        came = way.get(at).map(|step| step.into.link.name.as_str());
    }
    found
}

/// Suspects one namespace's tables, for a flow that it has to send on.
fn table(evidence: &Evidence, space: &Space, flow: &Flow, there: bool) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let question = flow.question();
    let answer = evidence.kernel.route_get(&space.name, &question);
    let usable = answer.as_ref().is_ok_and(fib::is_usable);
    let here = match &evidence.gate {
        Gate::Resolve { asker, .. } => *asker == space.name,
        Gate::Send => space.name == evidence.probe.from,
        _ => evidence.stuck.ns == space.name,
    };
    let tier = if here { Tier::Here } else { Tier::OnTheWay };
    let back = if there { "" } else { ", so the answer can't go back" };
    let about = About { evidence, space, flow, tier, back, there };
    found.extend(about.table_slip());
    match fib::decide(space, flow) {
        Some((rule, route)) if !fib::is_default(rule) && route.is_none_or(fib::is_dead_end) => {
            found.push(about.rule(rule, route, if here { Tier::Named } else { tier }.plain()));
        }
        Some((_, Some(route))) if fib::is_dead_end(route) => {
            found.push(about.dead_end(route, if here && !usable { Tier::Named } else { tier }.plain()))
        }
        Some((rule, Some(route))) => {
            let wrong = about.route(rule, route);
            // The default route takes it because the right one is for another network.
            if wrong.is_some() && route.dst.len == 0 && route.table == 254 {
                found.extend(about.route_slips());
            }
            found.extend(wrong);
            found.extend(about.rival(route));
        }
        Some((_, None)) => {}
        None if !usable => {
            found.extend(about.leapt());
            let thrown = space
                .routes
                .iter()
                .filter(|route| route.kind == "throw" && route.dst.contains(flow.dst))
                .max_by_key(|route| route.dst.len);
            match thrown {
                Some(route) => found.push(about.dead_end(route, tier.exact())),
                None => {
                    found.extend(about.mistyped());
                    found.extend(about.missing());
                }
            }
        }
        None => {}
    }
    for found in &mut found {
        found.suspect.evidence.push(format!("{} route get {question}", evidence.ip(&space.name)));
    }
    found
}

/// One namespace and one flow that it has to send on.
pub(super) struct About<'a> {
    pub evidence: &'a Evidence<'a>,
    pub space: &'a Space,
    pub flow: &'a Flow<'a>,
    pub tier: Tier,
    /// A remark about the answer, if the flow is one.
    pub back: &'static str,
    pub there: bool,
}

impl About<'_> {
    pub fn ip(&self) -> String {
        let ip = self.evidence.ip(&self.space.name);
        if self.flow.dst.is_ipv6() { format!("{ip} -6") } else { ip }
    }

    /// Suspects a route that discards or refuses packets.
    fn dead_end(&self, route: &Route, rank: Rank) -> Suspicion {
        let Self { space, flow, back, .. } = self;
        let (id, what) = match route.kind.as_str() {
            "blackhole" => (Cause::BlackholeRoute, "discarded without a word"),
            "prohibit" => (Cause::ProhibitRoute, "refused (administratively prohibited)"),
            "throw" => (Cause::ThrowRoute, "thrown out of the table, and no other table has a route"),
            _ => (Cause::UnreachableRoute, "refused as unreachable"),
        };
        let text = format!(
            "{} has {} {} route to {}: packets for {} are {what}{back}",
            space.name,
            if route.kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" },
            route.kind,
            route.dst,
            flow.dst
        );
        // A nexthop object may discard as well: then the route needs another gateway.
        let gateway = self.evidence.next_gateway(space, flow.dst).filter(|_| route.nhid.is_some());
        let fix = match gateway {
            Some((step, gateway)) => {
                vec![format!(
                    "{} route replace {} via {gateway}{}",
                    self.ip(),
                    route.dst,
                    scope(gateway, step)
                )]
            }
            None => vec![self.delete(route)],
        };
        let suspect = suspect(id, format!("{}: {}", space.name, route.dst), text, fix);
        Suspicion { rank, sure: rank.tier == Tier::Named, suspect }
    }

    /// Suspects a namespace that has no route for the flow.
    fn missing(&self) -> Option<Suspicion> {
        let Self { evidence, space, flow, there, .. } = self;
        let dst = flow.dst;
        let (step, gateway) = evidence.next_gateway(space, dst)?;
        let v6 = dst.is_ipv6();
        let wires = evidence
            .ground
            .ends()
            .filter(|end| end.space.name == space.name && end.addrs(v6).next().is_some())
            .count();
        let main = |route: &&Route| route.table == 254 && route.dst.ip.is_ipv6() == v6;
        let has_default = space.routes.iter().filter(main).any(|route| route.dst.len == 0);
        // Without a rule that looks up table main, its routes are unused.
        let asked = space.rules.iter().find(|rule| rule.inet6 == v6 && rule.table == Some(254));
        if asked.is_none() {
            let text = format!("{} has no rule that looks into table main, where its routes are", space.name);
            let fix = vec![format!("{} rule add pref 32766 lookup main", self.ip())];
            return Some(Suspicion {
                rank: self.tier.exact(),
                sure: true,
                suspect: suspect(Cause::PolicyRuleMissing, space.name.clone(), text, fix),
            });
        }
        if let Some(found) = self.without_rule(step) {
            return Some(found);
        }
        // A namespace with other routes by hand lacks a default route on purpose.
        let by_hand = space.routes.iter().filter(main).any(|route| route.via().is_some());
        let net = match wires <= 1 && !has_default && !by_hand {
            true => "default".to_string(),
            false => evidence.network_of(dst).map_or_else(|| dst.to_string(), |net| net.to_string()),
        };
        let next = format!("{} is the next one on the way, at {gateway}", step.into.space.name);
        let (id, text) = match (there, flow.iif) {
            (true, None) => (Cause::RouteMissing, format!("{} has no route to {dst}; {next}", space.name)),
            (true, Some(_)) => (
                Cause::RouteMissing,
                format!("{}, which should pass it on, has no route to {dst}; {next}", space.name),
            ),
            (false, None) => (
                Cause::ReturnRouteMissing,
                format!(
                    "the request arrives, but {} has no route back to {dst}, and nobody on the way hides that address behind his own (masquerading); {next}",
                    space.name
                ),
            ),
            (false, Some(_)) => (
                Cause::ReturnRouteMissing,
                format!(
                    "{}, which should pass the answer on, has no route back to {dst}; {next}",
                    space.name
                ),
            ),
        };
        let fix = vec![format!("{} route add {net} via {gateway}{}", self.ip(), scope(gateway, step))];
        let mut suspect = suspect(id, space.name.clone(), text, fix);
        suspect.evidence = vec![format!("{} route", self.ip())];
        Some(Suspicion { rank: self.tier.plain(), sure: false, suspect })
    }

    /// Suspects the route of the flow, unless it leads to the next namespace.
    fn route(&self, rule: &PolicyRule, route: &Route) -> Option<Suspicion> {
        let Self { evidence, space, flow, .. } = self;
        let dst = flow.dst;
        let nobodys = |via: IpAddr| evidence.ground.owners(via).is_empty();
        let (step, gateway) = match evidence.next_gateway(space, dst) {
            Some((step, gateway)) => (step, Some(gateway)),
            // The gateway's address is missing, and the route is right.
            None if self.chosen(route).and_then(|hop| hop.via).is_some_and(nobodys) => {
                return self.dead_gateway(route);
            }
            None => match evidence.way_to(&space.name, dst).unwrap_or_default().first() {
                Some(step) => (*step, None),
                None => return self.dead_gateway(route),
            },
        };
        let on_wire = evidence.is_on_wire(step, dst);
        // An on-link route is not at fault if no namespace has the target.
        if route.protocol == "kernel" && route.kind == "unicast" && evidence.ground.owners(dst).is_empty() {
            return None;
        }
        match route.kind.as_str() {
            "local" => return self.swallowed(route),
            "broadcast" => return self.broadcast(route, step),
            _ => {}
        }
        // Of several next hops, the kernel takes one for all packets of this flow.
        let hops = match (self.chosen(route), dst.is_ipv4()) {
            (Some(chosen), true) => vec![chosen],
            _ => route.hops.iter().collect(),
        };
        let right = hops.into_iter().all(|hop| {
            let plugged = |ip: IpAddr| evidence.owner_on_wire(space, &hop.dev, ip);
            match hop.via {
                Some(via) => plugged(via).is_some_and(|owner| evidence.leads(&owner.name, &space.name, dst)),
                None => {
                    plugged(dst).is_some()
                        // The route is right, but no interface has the target.
                        || evidence.ground.owners(dst).is_empty() && hop.dev == step.out.link.name
                        || !on_wire && hop.dev == step.out.link.name && evidence.answers_for(step, dst)
                }
            }
        });
        if right {
            return None;
        }
        self.wrong(rule, route, step, gateway.filter(|_| !on_wire))
    }

    /// Returns the command that deletes a route.
    pub fn delete(&self, route: &Route) -> String {
        let mut words = format!("{} route del ", self.ip());
        if route.kind != "unicast" {
            words += &format!("{} ", route.kind);
        }
        words += &route.dst.to_string();
        if let Some(via) = route.via() {
            words += &format!(" via {via}");
        }
        if let Some(dev) = route.dev().filter(|_| route.kind == "unicast") {
            words += &format!(" dev {dev}");
        }
        if route.table != 254 {
            words += &format!(" table {}", route.table);
        }
        words += &metric(route);
        words
    }
}

pub(super) fn metric(route: &Route) -> String {
    match route.metric {
        0 => String::new(),
        1024 if route.dst.ip.is_ipv6() => String::new(),
        metric => format!(" metric {metric}"),
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::RouteMissing,
        title: "somebody on the way has no route to the one who is asked",
        symptom: "`Network is unreachable` from oneself, `Destination Net Unreachable` from a router.",
        cause: "A namespace knows the networks of its own addresses, and what it was told. Nobody told it of this one.",
        evidence: "Ask the kernel, at the place where the request stops:\n  ip -n NS route get ADDR",
        cure: "Tell it, or give it a default route:\n  ip -n NS route add NETWORK/LEN via GATEWAY",
    },
    Page {
        id: Cause::ReturnRouteMissing,
        title: "the request arrives, and there is no route for the answer",
        symptom: "Silence: the request is seen at the other end, and no reply.",
        cause: "Each direction has routes of its own. The one who is asked, or a router on the way back, does not know the way to the one who asks.",
        evidence: "Ask at the other end for the way back:\n  ip -n OTHER route get ASKER",
        cure: "Tell it:\n  ip -n OTHER route add NETWORK/LEN via GATEWAY",
    },
    Page {
        id: Cause::BlackholeRoute,
        title: "a route of the type blackhole swallows the packet",
        symptom: "Silence where a router has it; `Invalid argument` where the one who asks has it.",
        cause: "Such a route has no link: what matches is discarded without a word. People add one against an attack, daemons for networks that they have given to others.",
        evidence: "Ask where it is refused, and look at the first word of the routes:\n  ip -n NS route get ADDR\n  ip -n NS route show table all type blackhole",
        cure: "Delete it, with its type:\n  ip -n NS route del blackhole NETWORK/LEN",
    },
    Page {
        id: Cause::UnreachableRoute,
        title: "a route of the type unreachable refuses the packet",
        symptom: "`Destination Host Unreachable` from a router, or `No route to host` from the kernel of the one who asks.",
        cause: "What matches is refused, as if nobody answered for it.",
        evidence: "Ask where it is refused, and look at the first word of the routes:\n  ip -n NS route get ADDR\n  ip -n NS route show table all type unreachable",
        cure: "Delete it, with its type:\n  ip -n NS route del unreachable NETWORK/LEN",
    },
    Page {
        id: Cause::ProhibitRoute,
        title: "a route of the type prohibit forbids the packet",
        symptom: "`Packet filtered` from a router, or `Permission denied` from the kernel of the one who asks, and no firewall has a rule.",
        cause: "What matches is refused as forbidden by the administrator.",
        evidence: "Ask where it is refused, and look at the first word of the routes:\n  ip -n NS route get ADDR\n  ip -n NS route show table all type prohibit",
        cure: "Delete it, with its type:\n  ip -n NS route del prohibit NETWORK/LEN",
    },
    Page {
        id: Cause::ThrowRoute,
        title: "a route of the type throw ends the search in its table",
        symptom: "`Network is unreachable`, although there is a default route.",
        cause: "The kernel leaves the table, as if it had no route, and asks the next rule. After the main table there is none that has one.",
        evidence: "Ask where it is refused, and look at the first word of the routes:\n  ip -n NS route get ADDR\n  ip -n NS route show table all type throw",
        cure: "Delete it, with its type:\n  ip -n NS route del throw NETWORK/LEN",
    },
];
