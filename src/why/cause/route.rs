//! Routes and rules: at the one who sends, at the routers, and at the one who
//! is to answer.

use super::{Evidence, Found, suspect, weight};
use crate::net::survey::{Address, Net, Route, RouteQuestion, Rule, Space};
use crate::why::fib::{self, Flow};
use crate::why::gate::{Gate, is_local};
use crate::why::ground::{Step, network};
use std::net::IpAddr;

/// Suspects routes.
pub(super) fn find(e: &Evidence) -> Vec<Found> {
    let mut found = Vec::new();
    let Some(dst) = e.shot.target else { return found };
    let from = e.from();
    match &e.gate {
        Gate::Send => found.extend(leaving(e, from, dst)),
        Gate::Resolve { asker, dev, wanted } => {
            if let Some(space) = e.survey.space(asker) {
                found.extend(wrong_gateway(e, space, dev, *wanted));
            }
        }
        Gate::Forward => {
            if let (Some((space, link)), Some((src, dst))) = (e.stuck.link(e.survey), e.stuck.ends) {
                found.extend(forwarding(e, space, &link.name, dst));
                let flow = Flow { dst, src: Some(src), iif: Some(&link.name), mark: 0 };
                found.extend(lookup(e, space, &flow, !e.stuck.is_back()));
            }
        }
        // The request is there: can the answer go back?
        Gate::Input if !e.stuck.is_back() => {
            if let (Some((space, _)), Some((src, dst))) = (e.stuck.link(e.survey), e.stuck.ends) {
                let own = if is_local(space, dst) && !e.probe.broadcast { Some(dst) } else { None };
                let flow = Flow { dst: src, src: own, iif: None, mark: 0 };
                found.extend(lookup(e, space, &flow, false));
            }
        }
        _ => {}
    }
    found
}

/// The one who asks can't send it.
fn leaving(e: &Evidence, from: &Space, dst: IpAddr) -> Vec<Found> {
    let src = e.probe.interface.as_ref().and_then(|name| name.parse().ok());
    lookup(e, from, &Flow { dst, src, iif: None, mark: 0 }, true)
}

/// What a namespace's tables say of a flow, where the kernel finds no way.
fn lookup(e: &Evidence, space: &Space, flow: &Flow, there: bool) -> Vec<Found> {
    let mut found = Vec::new();
    let question =
        RouteQuestion { src: flow.src, iif: flow.iif.map(String::from), ..RouteQuestion::to(flow.dst) };
    let Some(netns) = e.netns(&space.name) else { return found };
    let answer = e.network.route_get(&netns, &question);
    let asked = format!("{} route get {question}", e.ip(&space.name));
    let decided = fib::decide(space, flow);
    let usable = answer.as_ref().is_ok_and(fib::is_usable);
    let back = if there { "" } else { ", so the answer can't go back" };
    match decided {
        Some((rule, route)) if !fib::is_default(rule) && !usable => {
            found.push(by_rule(e, space, rule, route, flow, back));
        }
        Some((_, Some(route))) if fib::is_dead_end(route) => {
            let text = format!(
                "{} has a {} route to {}: packets for {} are {}{back}",
                space.name,
                route.kind,
                route.dst,
                flow.dst,
                match route.kind.as_str() {
                    "blackhole" => "discarded without a word",
                    "prohibit" => "refused (administratively prohibited)",
                    _ => "refused as unreachable",
                }
            );
            let fix = vec![delete(e, space, route)];
            let mut suspect = suspect(
                &format!("{}-route", route.kind),
                format!("{}: {}", space.name, route.dst),
                text,
                fix,
            );
            suspect.evidence = vec![asked];
            found.push(Found { weight: weight::NAMED, sure: true, suspect });
        }
        None if !usable => found.extend(without_route(e, space, flow, there)),
        _ => {}
    }
    found
}

/// A rule that sends the flow where there is no way.
fn by_rule(
    e: &Evidence,
    space: &Space,
    rule: &Rule,
    route: Option<&Route>,
    flow: &Flow,
    back: &str,
) -> Found {
    let ip = if rule.inet6 { format!("{} -6", e.ip(&space.name)) } else { e.ip(&space.name) };
    let what = match route {
        Some(route) => {
            format!("looks into table {}, where {} is a {} route", route.table, route.dst, route.kind)
        }
        None => format!("says {}", rule.action),
    };
    let text = format!(
        "the rule {} in {} ({}) catches packets for {} and {what}{back}",
        rule.pref,
        space.name,
        words(rule),
        flow.dst
    );
    let fix = vec![format!("{ip} rule del pref {}", rule.pref)];
    let mut suspect = suspect("policy-rule", format!("{}: rule {}", space.name, rule.pref), text, fix);
    suspect.evidence = vec![format!("{ip} rule")];
    Found { weight: weight::NAMED, sure: true, suspect }
}

/// A rule's selectors.
fn words(rule: &Rule) -> String {
    let mut words = Vec::new();
    words.extend(rule.not.then(|| "not".to_string()));
    words.extend(rule.from.map(|net| format!("from {net}")));
    words.extend(rule.to.map(|net| format!("to {net}")));
    words.extend(rule.iif.as_ref().map(|dev| format!("iif {dev}")));
    words.extend(rule.oif.as_ref().map(|dev| format!("oif {dev}")));
    words.extend(rule.fwmark.map(|mark| format!("fwmark {mark:#x}")));
    words.extend(rule.table.map(|table| format!("lookup {table}")));
    if words.is_empty() { "from all".into() } else { words.join(" ") }
}

/// The command that deletes a route.
fn delete(e: &Evidence, space: &Space, route: &Route) -> String {
    let mut words = format!("{} route del ", family(e, space, route.dst.ip));
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
    if route.metric != 0 && !(route.dst.ip.is_ipv6() && route.metric == 1024) {
        words += &format!(" metric {}", route.metric);
    }
    words
}

fn family(e: &Evidence, space: &Space, ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("{} -6", e.ip(&space.name)) } else { e.ip(&space.name) }
}

/// A namespace that knows no way at all.
fn without_route(e: &Evidence, space: &Space, flow: &Flow, there: bool) -> Option<Found> {
    let dst = flow.dst;
    let (step, gateway) = e.next_gateway(space, dst)?;
    let v6 = dst.is_ipv6();
    let wires =
        e.ground.ends().filter(|end| end.space.name == space.name && end.addrs(v6).next().is_some()).count();
    let has_default = space
        .routes
        .iter()
        .any(|route| route.table == 254 && route.dst.len == 0 && route.dst.ip.is_ipv6() == v6);
    let net = match wires <= 1 && !has_default {
        true => "default".to_string(),
        false => e.network_of(dst).map_or_else(|| dst.to_string(), |net| net.to_string()),
    };
    let (id, what) = match (there, flow.iif) {
        (true, None) => ("route-missing", format!("{} has no route to {dst}", space.name)),
        (true, Some(_)) => {
            ("route-missing", format!("{}, which should pass it on, has no route to {dst}", space.name))
        }
        (false, _) => (
            "return-route-missing",
            format!("the request arrives, but {} has no route back to {dst}", space.name),
        ),
    };
    let text = format!("{what}; {} is the next one on the way, at {gateway}", step.into.space.name);
    let text = match there {
        true => text,
        false => format!("{text} (nor is {dst} hidden by masquerading there)"),
    };
    let fix = vec![format!("{} route add {net} via {gateway}", family(e, space, dst))];
    let mut suspect = suspect(id, space.name.clone(), text, fix);
    suspect.evidence = vec![format!("{} route", family(e, space, dst))];
    Some(Found { weight: weight::HERE, sure: false, suspect })
}

/// The gateway whose hardware address is wanted and not told.
fn wrong_gateway(e: &Evidence, space: &Space, dev: &str, wanted: IpAddr) -> Option<Found> {
    let dst = match e.stuck.ends {
        Some((src, _)) if e.stuck.is_back() && space.name != e.probe.from => src,
        Some((_, dst)) => dst,
        None => e.shot.target?,
    };
    let flow = Flow { dst, src: None, iif: None, mark: 0 };
    let (_, route) = fib::decide(space, &flow)?;
    let route = route?;
    let owners = e.ground.owners(wanted);
    let link = space.link(dev)?;
    let plugged = owners
        .iter()
        .any(|(owner, addr)| e.ground.share((&space.name, link.index), (&owner.name, addr.index)));
    if plugged {
        return None;
    }
    let (step, gateway) = e.next_gateway(space, dst)?;
    let replaced = match route.via() {
        Some(via) => format!("via {via}"),
        None => format!("dev {dev} without a gateway"),
    };
    if route.via() == Some(gateway)
        || (route.via().is_none() && step.out.link.name == dev && e.is_on_wire(step, dst))
    {
        return None;
    }
    let text = format!(
        "{}'s route to {} goes {replaced}, where nobody has {wanted}; the way to {dst} is by {}, at {gateway}",
        space.name, route.dst, step.into.space.name
    );
    let mut fix = Vec::new();
    let kernel = route.protocol == "kernel";
    let to = if kernel { dst.to_string() } else { route.dst.to_string() };
    let ip = family(e, space, dst);
    match e.is_on_wire(step, dst) {
        // A route to an own neighbour is one too many.
        true => fix.push(delete(e, space, route)),
        false => fix.push(format!("{ip} route replace {to} via {gateway}{}", metric(route))),
    }
    Some(Found {
        weight: weight::HERE + 60,
        sure: false,
        suspect: suspect("wrong-gateway", format!("{}: {}", space.name, route.dst), text, fix),
    })
}

fn metric(route: &Route) -> String {
    match route.metric {
        0 => String::new(),
        1024 if route.dst.ip.is_ipv6() => String::new(),
        metric => format!(" metric {metric}"),
    }
}

/// A namespace that gets packets for another and does not pass them on.
fn forwarding(e: &Evidence, space: &Space, dev: &str, dst: IpAddr) -> Vec<Found> {
    let mut found = Vec::new();
    let (family, master) = match dst {
        IpAddr::V6(_) => ("ipv6", "net.ipv6.conf.all.forwarding"),
        IpAddr::V4(_) => ("ipv4", "net.ipv4.ip_forward"),
    };
    let own = format!("net.{family}.conf.{}.forwarding", dev.replace('.', "/"));
    let off = |key: &str| space.switch(key) == Some(0);
    if !off(&own) && !(off(master) && dst.is_ipv6()) {
        return found;
    }
    let key = if off(master) { master.to_string() } else { own };
    let text =
        format!("{} gets packets for {dst} on {dev} and does not forward them: {key}=0 there", space.name);
    let mut off = suspect(
        "forwarding-off",
        format!("{}: {key}", space.name),
        text,
        vec![e.sysctl(&space.name, &key, "1")],
    );
    off.evidence = vec![e.exec(&space.name, &format!("sysctl {key}"))];
    found.push(Found { weight: weight::HERE + 100, sure: false, suspect: off });
    // Or is it no router at all, and the one before it asks the wrong one?
    found.extend(no_router(e, space, dst));
    found
}

/// The one that sent it there has a better gateway.
fn no_router(e: &Evidence, wrong: &Space, dst: IpAddr) -> Option<Found> {
    let is_port = |netns: &str, dev: &str| {
        let link = e.survey.space(netns).and_then(|space| space.link(dev));
        link.is_some_and(|link| link.master.is_some())
    };
    let before = e.shot.sightings.iter().rfind(|seen| {
        seen.out
            && seen.netns != wrong.name
            && !is_port(&seen.netns, &seen.dev)
            && seen.packet.ends().is_some_and(|(_, to)| to == dst)
    })?;
    let space = e.survey.space(&before.netns)?;
    let way = e.way_to(&space.name, dst)?;
    if way.iter().any(|step| step.into.space.name == wrong.name) {
        return None;
    }
    let (step, gateway) = e.next_gateway(space, dst)?;
    let (_, route) = fib::decide(space, &Flow { dst, src: None, iif: None, mark: 0 })?;
    let route = route?;
    let others: Vec<&Route> = space
        .routes
        .iter()
        .filter(|other| other.table == route.table && other.dst == route.dst && *other != route)
        .collect();
    let right = others.iter().any(|other| other.via() == Some(gateway));
    let via = route.via().map(|via| via.to_string()).unwrap_or_default();
    let text = format!(
        "{}'s route to {} goes via {via}, which is {} and no router; {} at {gateway} leads to {dst}{}",
        space.name,
        route.dst,
        wrong.name,
        step.into.space.name,
        if right {
            format!(", but its route has a worse metric than {}", route.metric)
        } else {
            String::new()
        }
    );
    let ip = family(e, space, dst);
    let fix = match right {
        true => vec![delete(e, space, route)],
        false => vec![format!("{ip} route replace {} via {gateway}{}", route.dst, metric(route))],
    };
    Some(Found {
        weight: weight::HERE + 150,
        sure: false,
        suspect: suspect("wrong-gateway", format!("{}: {}", space.name, route.dst), text, fix),
    })
}

impl Evidence<'_> {
    /// Tells whether a namespace has a route to an address, by any gateway.
    pub(super) fn reaches_by_route(&self, space: &str, dst: IpAddr) -> bool {
        let question = RouteQuestion::to(dst);
        self.netns(space).is_some_and(|netns| {
            self.network.route_get(&netns, &question).is_ok_and(|answer| fib::is_usable(&answer))
        })
    }

    /// The way over wires to a namespace that has an address, or a network
    /// with it.
    pub(super) fn way_to(&self, space: &str, dst: IpAddr) -> Option<Vec<Step<'_>>> {
        let owners = self.ground.owners(dst);
        let has_net = |addrs: &[Address]| {
            addrs.iter().any(|addr| {
                addr.ip.is_ipv6() == dst.is_ipv6() && network(addr.ip, addr.prefix_len).contains(dst)
            })
        };
        let owner = owners.iter().map(|(owner, _)| owner.name.as_str()).find(|name| *name != space).or_else(
            || {
                let near = self.survey.spaces.iter().filter(|other| other.name != space);
                near.filter(|other| has_net(&other.addrs)).map(|other| other.name.as_str()).next()
            },
        )?;
        self.ground.way(space, owner)
    }

    /// The first step of the way to an address, and the next one's address in
    /// a network that both are in.
    pub(super) fn next_gateway(&self, space: &Space, dst: IpAddr) -> Option<(Step<'_>, IpAddr)> {
        let step = *self.way_to(&space.name, dst)?.first()?;
        let v6 = dst.is_ipv6();
        let ours: Vec<&Address> = step.out.addrs(v6).collect();
        let shared =
            |addr: &&Address| ours.iter().any(|our| network(our.ip, our.prefix_len).contains(addr.ip));
        let gateway = step.into.addrs(v6).find(shared)?;
        Some((step, gateway.ip))
    }

    /// Tells whether the step leads to the one who has the address, on that
    /// very wire.
    fn is_on_wire(&self, step: Step, dst: IpAddr) -> bool {
        step.into.addrs(dst.is_ipv6()).any(|addr| addr.ip == dst)
    }

    /// The network in which an address is configured.
    fn network_of(&self, ip: IpAddr) -> Option<Net> {
        let most = if ip.is_ipv6() { 128 } else { 32 };
        let all = self.survey.spaces.iter().flat_map(|space| &space.addrs);
        let nets = all
            .filter(|addr| addr.prefix_len < most && addr.ip.is_ipv6() == ip.is_ipv6())
            .map(|addr| network(addr.ip, addr.prefix_len));
        nets.filter(|net| net.contains(ip)).max_by_key(|net| net.len)
    }
}
