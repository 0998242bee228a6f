//! The rule and the route in a namespace's tables that decide about a packet.
//!
//! The result of a lookup comes from the kernel itself; this module finds the lines of
//! the tables that led to it.

use crate::net::survey::{Net, PolicyRule, Route, RouteQuestion, Space};
use std::net::{IpAddr, Ipv4Addr};

/// A packet, as far as rules and routes look at it.
#[derive(Debug, Clone, Copy)]
pub(in crate::why) struct Flow<'a> {
    pub dst: IpAddr,
    pub src: Option<IpAddr>,
    /// The incoming interface; none for locally generated packets.
    pub iif: Option<&'a str>,
    pub mark: u32,
}

impl Flow<'_> {
    /// Returns the question for its route, as the kernel takes it.
    pub fn question(&self) -> RouteQuestion {
        RouteQuestion { src: self.src, iif: self.iif.map(String::from), ..RouteQuestion::to(self.dst) }
    }
}

/// Returns the rule that decides, and the route of its table if the rule is a lookup.
pub(in crate::why) fn decide<'a>(
    space: &'a Space,
    flow: &Flow,
) -> Option<(&'a PolicyRule, Option<&'a Route>)> {
    let mut rules: Vec<&PolicyRule> =
        space.rules.iter().filter(|rule| rule.inet6 == flow.dst.is_ipv6()).collect();
    rules.sort_by_key(|rule| rule.pref);
    let mut next = 0;
    for rule in rules.into_iter().filter(|rule| matches(rule, flow)) {
        if rule.pref < next {
            continue;
        }
        match (rule.action.as_str(), rule.table) {
            ("goto", _) => next = rule.goto.unwrap_or(next),
            ("lookup", Some(table)) => match best(space, table, flow.dst) {
                Some(route) if route.kind == "throw" => {}
                Some(route)
                    if rule.suppress_prefixlength.is_some_and(|most| u32::from(route.dst.len) <= most) => {}
                Some(route) => return Some((rule, Some(route))),
                None => {}
            },
            ("blackhole" | "unreachable" | "prohibit", _) => return Some((rule, None)),
            _ => {}
        }
    }
    None
}

/// Returns the route of a table with the longest prefix, and among these the smallest
/// metric.
pub(in crate::why) fn best(space: &Space, table: u32, dst: IpAddr) -> Option<&Route> {
    let fits = |route: &&Route| route.table == table && route.dst.contains(dst) && !route.cached;
    let usable = |route: &&Route| {
        route.hops.is_empty() || route.hops.iter().any(|hop| !hop.flags.iter().any(|flag| flag == "dead"))
    };
    space
        .routes
        .iter()
        .filter(fits)
        .filter(usable)
        .min_by_key(|route| (std::cmp::Reverse(route.dst.len), route.metric))
}

/// Tells whether a rule matches a flow.
pub(in crate::why) fn matches(rule: &PolicyRule, flow: &Flow) -> bool {
    let in_net = |net: Option<Net>, ip: Option<IpAddr>| {
        net.is_none_or(|net| net.len == 0 || ip.is_some_and(|ip| net.contains(ip)))
    };
    let fits = in_net(rule.from, flow.src)
        && in_net(rule.to, Some(flow.dst))
        && rule.iif.as_deref().is_none_or(|iif| iif == flow.iif.unwrap_or("lo"))
        && rule.oif.is_none()
        && rule.fwmark.is_none_or(|mark| flow.mark & rule.fwmask == mark & rule.fwmask);
    fits != rule.not
}

/// Tells whether a rule is one of the kernel's three default rules.
pub(in crate::why) fn is_default(rule: &PolicyRule) -> bool {
    matches!((rule.pref, rule.table), (0, Some(255)) | (32766, Some(254)) | (32767, Some(253)))
        && rule.from.is_none_or(|net| net.len == 0)
        && rule.to.is_none()
        && rule.fwmark.is_none()
}

/// Tells whether a route neither discards nor refuses packets.
pub(in crate::why) fn is_usable(route: &Route) -> bool {
    !is_dead_end(route)
}

/// Tells whether a route discards or refuses packets.
pub(in crate::why) fn is_dead_end(route: &Route) -> bool {
    matches!(route.kind.as_str(), "blackhole" | "unreachable" | "prohibit")
}

/// Returns the reason why the kernel routes no packet of this address over a wire.
pub(in crate::why) fn unroutable(ip: IpAddr) -> Option<&'static str> {
    let IpAddr::V4(ip) = ip else { return None };
    match ip.octets()[0] {
        0 if ip != Ipv4Addr::UNSPECIFIED => {
            Some("in 0.0.0.0/8 (\"this network\"), for which the kernel makes no route to a neighbour")
        }
        127 => {
            Some("in 127.0.0.0/8, the loopback's own, which never goes over a wire unless route_localnet=1")
        }
        240..=255 if !ip.is_broadcast() => Some("in 240.0.0.0/4, which is reserved"),
        _ => None,
    }
}
