//! Routes and policy rules that were meant for a packet, but name another network or
//! another table.

use super::page::Page;
use super::rank::Tier;
use super::route::About;
use super::{Suspicion, suspect};
use crate::net::survey::{Net, PolicyRule, Route};
use crate::why::Cause;
use crate::why::command::say::{onlink, scope, words};
use crate::why::evidence::Evidence;
use crate::why::evidence::fib;
use crate::why::evidence::ground::network;
use std::net::IpAddr;

/// The tables that the default rules look up.
const ALWAYS: [u32; 3] = [253, 254, 255];

impl About<'_> {
    /// Suspects routes and rules that almost lead to the target, in a namespace without a
    /// route.
    pub fn mistyped(&self) -> Vec<Suspicion> {
        let mut found = self.route_slips();
        found.extend(self.unused_tables());
        found.extend(self.empty_table());
        found
    }

    /// Suspects routes by the right gateway whose network does not exist, is only a part of
    /// the right one, or contains the gateway.
    pub fn route_slips(&self) -> Vec<Suspicion> {
        let Self { evidence, space, flow, tier, back, .. } = self;
        let dst = flow.dst;
        let Some(net) = evidence.network_of(dst) else { return Vec::new() };
        let nearest = evidence.next_gateway(space, dst).map(|(_, gateway)| gateway);
        let ip = self.ip();
        // There may be other gateways than the nearest one, as the other end of a tunnel.
        let leads = |dev: &str, via: IpAddr| {
            let owner = evidence.owner_on_wire(space, dev, via);
            owner.is_some_and(|owner| evidence.leads(&owner.name, &space.name, dst))
        };
        let is_near = |route: &Route, via: IpAddr| {
            is_nobodys(evidence, route.dst) || is_part(route.dst, net) || route.dst.contains(via)
        };
        let astray = space.routes.iter().filter_map(|route| {
            let via =
                route.via().filter(|via| route.dst.len > 0 && route.table == 254 && is_near(route, *via))?;
            (nearest == Some(via) || route.dev().is_some_and(|dev| leads(dev, via))).then_some((route, via))
        });
        let one = |(route, gateway): (&Route, IpAddr)| {
            let onlink = onlink(route);
            let but = match (is_part(route.dst, net), route.dst.contains(gateway)) {
                (true, _) => format!("which is only a part of {net}: its mask is too narrow"),
                (_, true) => format!("which is itself in that network: {net} was probably meant"),
                _ => format!("a network that nobody is in: {net} was probably meant"),
            };
            let lacks = match fib::best(space, 254, dst) {
                Some(_) => format!("only its default route for {dst}, and"),
                None => format!("no route to {dst}, but"),
            };
            let text = format!("{} has {lacks} one to {} by {gateway}, {but}{back}", space.name, route.dst);
            let fix = vec![
                format!("{ip} route del {} via {gateway}", route.dst),
                format!("{ip} route add {net} via {gateway}{onlink}"),
            ];
            let place = format!("{}: {}", space.name, route.dst);
            let apart = strsim::damerau_levenshtein(&route.dst.to_string(), &net.to_string());
            Suspicion {
                rank: tier.close().near(10 - apart.min(10) as i8),
                sure: false,
                suspect: suspect(Cause::RouteTypo, place, text, fix),
            }
        };
        astray.map(one).collect()
    }

    /// Suspects rules because of which a table with the right route is not used.
    fn unused_tables(&self) -> Vec<Suspicion> {
        let Self { evidence, space, flow, tier, back, .. } = self;
        let dst = flow.dst;
        let mut known: Vec<u32> = space.routes.iter().map(|route| route.table).collect();
        known.sort_unstable();
        known.dedup();
        known.retain(|table| {
            !ALWAYS.contains(table) && fib::best(space, *table, dst).is_some_and(fib::is_usable)
        });
        let mut found = Vec::new();
        for table in known {
            let ip = self.ip();
            let rules = || {
                let own =
                    space.rules.iter().filter(|rule| rule.inet6 == dst.is_ipv6() && !fib::is_default(rule));
                own.filter(|rule| rule.action == "lookup")
            };
            let route = fib::best(space, table, dst).expect("just found");
            let shown = if route.dst.len == 0 { "default".to_string() } else { route.dst.to_string() };
            let knows = format!("{}'s table {table} has a route to {dst} ({shown})", space.name);
            let place = |rule: &PolicyRule| format!("{}: rule {}", space.name, rule.pref);
            let mut near = Vec::new();
            for rule in rules() {
                if rule.table == Some(table) {
                    // The rule looks up the right table, but for other packets.
                    let mut meant = rule.clone();
                    let to = rule.to.filter(|net| net.len > 0 && !net.contains(dst));
                    let from =
                        rule.from.zip(flow.src).filter(|(net, src)| net.len > 0 && !net.contains(*src));
                    let what = match (to, from) {
                        (Some(net), None) => {
                            meant.to = Some(network(dst, net.len));
                            format!("is for packets to {net}, not to {dst}")
                        }
                        (None, Some((net, src))) => {
                            meant.from = Some(network(src, net.len));
                            format!("is for packets from {net}, not from {src}")
                        }
                        _ => continue,
                    };
                    let text =
                        format!("{knows}, and the rule that leads there ({}) {what}{back}", words(rule));
                    near.push((Cause::PolicyRule, place(rule), text, self.retyped(rule, &meant)));
                } else if fib::matches(rule, flow)
                    && rule.table.is_some_and(|other| {
                        !ALWAYS.contains(&other) && fib::best(space, other, dst).is_none()
                    })
                {
                    let meant = PolicyRule { table: Some(table), ..rule.clone() };
                    let text = format!(
                        "the rule {} in {} ({}) looks into table {}, which has no route to {dst}; {knows}{back}",
                        rule.pref,
                        space.name,
                        words(rule),
                        rule.table.unwrap_or_default()
                    );
                    near.push((Cause::PolicyRule, place(rule), text, self.retyped(rule, &meant)));
                }
            }
            if near.is_empty() && !rules().any(|rule| rule.table == Some(table)) {
                let net = evidence.network_of(dst).map_or_else(|| dst.to_string(), |net| net.to_string());
                let text = format!("{knows}, and no rule leads there{back}");
                let fix = vec![format!("{ip} rule add to {net} lookup {table}")];
                near.push((Cause::PolicyRuleMissing, space.name.clone(), text, fix));
            }
            for (id, place, text, fix) in near {
                let mut suspect = suspect(id, place, text, fix);
                suspect.evidence = vec![format!("{ip} rule"), format!("{ip} route show table {table}")];
                found.push(Suspicion { rank: tier.close(), sure: false, suspect });
            }
        }
        found
    }

    /// Suspects a rule that looks up an empty table whose number resembles that of a table with a
    /// route, so that other rules decide, and perhaps send the packet elsewhere.
    pub fn table_slip(&self) -> Option<Suspicion> {
        let Self { evidence, space, flow, back, .. } = self;
        // The mark of a packet is not seen. A rule that sets marks, and that was met, may have set it.
        let may_be_marked = || {
            evidence.shot.walls.iter().filter(|wall| wall.netns == space.name).any(|wall| {
                let mut rules =
                    wall.after.rules.iter().filter(|rule| rule.spec.to_lowercase().contains("mark"));
                rules.any(|rule| wall.has_met(rule))
            })
        };
        let fits = |rule: &PolicyRule| {
            let unmarked = PolicyRule { fwmark: None, ..rule.clone() };
            fib::matches(&unmarked, flow) && (rule.fwmark.is_none() || may_be_marked())
        };
        let (rule, wrong) = self.looks_into_nothing(fits)?;
        let apart = |one: u32, other: u32| strsim::damerau_levenshtein(&one.to_string(), &other.to_string());
        let mut known: Vec<u32> = space.routes.iter().map(|route| route.table).collect();
        known.retain(|table| {
            let leads = fib::best(space, *table, flow.dst).is_some_and(fib::is_usable);
            !ALWAYS.contains(table) && leads && apart(*table, wrong) <= 1
        });
        let right = known.into_iter().min_by_key(|table| apart(*table, wrong))?;
        let ip = self.ip();
        let text = format!(
            "the rule {} in {} ({}) looks into table {wrong}, which is empty; table {right} has a route to {}{back}",
            rule.pref,
            space.name,
            words(rule),
            flow.dst
        );
        let meant = PolicyRule { table: Some(right), ..rule.clone() };
        let fix = self.retyped(rule, &meant);
        let mut suspect =
            suspect(Cause::PolicyRule, format!("{}: rule {}", space.name, rule.pref), text, fix);
        suspect.evidence = vec![format!("{ip} rule"), format!("{ip} route show table {wrong}")];
        suspect.typed = true;
        Some(Suspicion { rank: Tier::Named.exact().near(1), sure: false, suspect })
    }

    /// Suspects a rule that looks up an empty table.
    fn empty_table(&self) -> Option<Suspicion> {
        let Self { evidence, space, flow, tier, back, .. } = self;
        let (step, gateway) = evidence.next_gateway(space, flow.dst)?;
        let (rule, table) = self.looks_into_nothing(|rule| fib::matches(rule, flow))?;
        let (ns, ip) = (&space.name, self.ip());
        let text = format!(
            "the rule {} in {ns} ({}) looks into table {table}, which is empty, and {ns} has no other route to {}; {} is the next one on the way, at {gateway}{back}",
            rule.pref,
            words(rule),
            flow.dst,
            step.into.space.name
        );
        let fix = vec![format!("{ip} route add default via {gateway}{} table {table}", scope(gateway, step))];
        let mut suspect = suspect(Cause::RouteMissing, format!("{ns}: table {table}"), text, fix);
        suspect.evidence = vec![format!("{ip} rule"), format!("{ip} route show table {table}")];
        Some(Suspicion { rank: tier.close(), sure: false, suspect })
    }

    /// Returns the first rule that fits and looks up a table without a route of the flow's IP
    /// version.
    fn looks_into_nothing(&self, fits: impl Fn(&PolicyRule) -> bool) -> Option<(&PolicyRule, u32)> {
        let Self { space, flow, .. } = self;
        let v6 = flow.dst.is_ipv6();
        let is_empty = |table: &u32| {
            !space.routes.iter().any(|route| route.table == *table && route.dst.ip.is_ipv6() == v6)
        };
        let mut rules = space.rules.iter().filter(|rule| {
            rule.action == "lookup" && rule.inet6 == v6 && !fib::is_default(rule) && fits(rule)
        });
        rules.find_map(|rule| Some((rule, rule.table.filter(is_empty)?)))
    }

    /// Returns the commands that put another rule in the place of one.
    fn retyped(&self, rule: &PolicyRule, meant: &PolicyRule) -> Vec<String> {
        let ip = self.ip();
        vec![
            format!("{ip} rule del pref {}", rule.pref),
            format!("{ip} rule add {} pref {}", words(meant), rule.pref),
        ]
    }
}

/// Tells whether a network is a part of another one.
fn is_part(net: Net, of: Net) -> bool {
    of.len < net.len && of.contains(net.ip)
}

/// Tells whether no namespace has an address in a network.
pub(super) fn is_nobodys(evidence: &Evidence, net: Net) -> bool {
    !evidence.survey.spaces.iter().flat_map(|space| &space.addrs).any(|addr| net.contains(addr.ip))
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::RouteTypo,
    title: "a route is for a network that nobody is in",
    symptom: "`Network is unreachable` from oneself, `Destination Net Unreachable` from a router; or silence, where it is the way back.",
    cause: "The gateway is right, and the network before it was typed wrong.",
    evidence: "Which networks have routes, and which are there?\n  ip -n NS route\n  ip -n OTHER -br addr",
    cure: "Take the route away and add the right one:\n  ip -n NS route del WRONG/LEN via GATEWAY\n  ip -n NS route add NETWORK/LEN via GATEWAY",
}];
