//! Ports that a firewall accepts for an inner service, and that no DNAT publishes.

use super::called::{chains_from, target};
use super::firewall::is_accept;
use super::masquerade::listens_by;
use super::page::Page;
use super::rank::Tier;
use super::service::{arrived, proto};
use super::{Suspicion, suspect};
use crate::net::survey::Space;
use crate::net::{Backend, FirewallRule, typed};
use crate::why::Cause;
use crate::why::command::ruling::{Of, Ruling};
use crate::why::evidence::Evidence;
use crate::why::look::shot::Wall;
use crate::why::look::translation::{Rewrites, rewrites};
use std::net::{IpAddr, SocketAddr};

/// Suspects a port that is asked of a router, which accepts what goes to a service behind it: the
/// rule that leads there is missing.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(asked) = evidence.probe.tcp.or(evidence.probe.udp) else { return Vec::new() };
    let Some((space, ip, port)) = arrived(evidence, asked) else { return Vec::new() };
    let proto = proto(evidence);
    // A service of the router itself may have been meant.
    let has_own = space.listeners.iter().any(|one| one.proto == proto && one.serves(ip));
    if listens_by(space, proto, ip, port) {
        return Vec::new();
    }
    let Some(wall) = evidence.shot.walls.iter().find(|wall| wall.netns == space.name) else {
        return Vec::new();
    };
    let mut services: Vec<(SocketAddr, &FirewallRule)> = Vec::new();
    let filter: Vec<&FirewallRule> = wall.after.rules.iter().filter(|rule| rule.table == "filter").collect();
    // Packets that are sent on pass FORWARD, and the chains that it calls.
    let chains = chains_from(&filter, "FORWARD");
    let forwards = |rule: &&FirewallRule| chains.contains(&rule.chain.as_str());
    let of_iptables = |rule: &&FirewallRule| rule.backend != Backend::Nft && rule.table == "filter";
    let accepts = wall.after.rules.iter().filter(|rule| is_accept(rule)).filter(of_iptables).filter(forwards);
    for rule in accepts {
        let known = |to: SocketAddr| services.iter().any(|(known, _)| *known == to);
        let to = service(evidence, space, rule, proto).filter(|to| !known(*to) && !is_published(wall, *to));
        services.extend(to.map(|to| (to, rule)));
    }
    // Of several, nobody knows which one was meant.
    let [(to, rule)] = services[..] else { return Vec::new() };
    let chain = chain(wall);
    let text = format!(
        "nobody listens on {} port {port} of {ip} in {}, and no rule of nat leads on from there: chain {} accepts (`{}`) what goes to {to}, and a DNAT that sends it there is missing",
        proto.to_uppercase(),
        space.name,
        rule.chain,
        rule.spec
    );
    let tool = rule.backend.tool(&rule.family);
    let words = format!("-d {ip} -p {proto} --dport {port} -j DNAT --to-destination {to}");
    let fix = vec![evidence.exec(&space.name, &format!("{tool} -t nat -A {} {words}", typed(&chain)))];
    let mut suspect = suspect(Cause::DnatMissing, format!("{}: chain {chain}", space.name), text, fix);
    suspect.evidence = vec![evidence.exec(&space.name, &format!("{tool} -t nat -S"))];
    let rank = if has_own { Tier::OnTheWay.close() } else { Tier::Here.close() };
    vec![Suspicion { rank, sure: false, suspect }]
}

/// Returns the service behind a namespace that a rule accepts packets for: one address and one
/// port, at which another namespace listens.
fn service(evidence: &Evidence, space: &Space, rule: &FirewallRule, proto: &str) -> Option<SocketAddr> {
    let ruling = Ruling::of(rule);
    let value = |of: Of| {
        let mut clauses = ruling.clauses.iter().filter(|clause| clause.of == of);
        let clause = clauses.next().filter(|clause| !clause.not)?;
        Some(clause.value.as_str())
    };
    let ip: IpAddr = value(Of::Dst)?.trim_end_matches("/32").trim_end_matches("/128").parse().ok()?;
    let port: u16 = value(Of::Dport)?.parse().ok()?;
    if value(Of::Proto).is_some_and(|of| of != proto) {
        return None;
    }
    let listens = |other: &Space| other.name != space.name && listens_by(other, proto, ip, port);
    evidence.ground.owners(ip).iter().any(|(owner, _)| listens(owner)).then(|| SocketAddr::new(ip, port))
}

/// Tells whether a rule translates to a service's address, by itself or by a map.
fn is_published(wall: &Wall, to: SocketAddr) -> bool {
    let ip = to.ip().to_string();
    wall.after.rules.iter().filter(|rule| rewrites(rule) == Some(Rewrites::Destination)).any(|rule| {
        let is_it = |part: &str| part.trim_matches(['[', ']']) == ip;
        let mut words = rule.spec.split_whitespace();
        words.any(|word| is_it(word) || word.rsplit_once(':').is_some_and(|(part, _)| is_it(part)))
    })
}

/// Returns the chain of the table nat in which published ports stand: a tool's own, or
/// PREROUTING.
fn chain(wall: &Wall) -> String {
    let nat = wall.after.rules.iter().filter(|rule| rule.table == "nat" && rule.chain == "PREROUTING");
    let called = nat.filter(|rule| !rule.policy).filter_map(|rule| target(&rule.spec));
    let own = called.filter(|name| name.starts_with("DOCKER")).map(String::from).next();
    own.unwrap_or_else(|| "PREROUTING".into())
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::DnatMissing,
    title: "a port is accepted, and not published",
    symptom: "`Connection refused` by the router, although the service behind it runs and the firewall lets it through.",
    cause: "Two rules publish a port: one of nat changes the destination (DNAT), one of filter accepts what is sent on. Here the first one is missing.",
    evidence: "Which ports does nat send on, and which does the filter accept?\n  ip netns exec NS iptables -t nat -S\n  ip netns exec NS iptables -S FORWARD",
    cure: "Send it on:\n  iptables -t nat -A PREROUTING -d ADDR -p tcp --dport PORT \\\n    -j DNAT --to-destination SERVICE:PORT",
}];
