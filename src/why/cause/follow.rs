//! Routes that depend on an address: their gateway is in its network.
//!
//! When a cure gives the address again, it has to add these routes again as well: they
//! were refused because the address was missing, or they went when it was deleted.

use super::Suspicion;
use crate::event::LabCommand;
use crate::lab::Place;
use crate::net::survey::{Net, Route};
use crate::why::command::say::{line, table};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
use crate::why::evidence::typed::{self, Typed};
use std::net::IpAddr;

/// Adds to a cure the routes that its addresses make possible again.
pub(super) fn complete(evidence: &Evidence, typed: &[Typed], found: &mut Suspicion) {
    let lab_commands: Vec<LabCommand> = found
        .suspect
        .fix
        .iter()
        .map(|command| LabCommand { place: Place::default(), command: command.clone(), failed: None })
        .collect();
    let fix = typed::read(&lab_commands);
    let mut again: Vec<String> = Vec::new();
    for given in fix.iter().filter_map(|step| Given::by(step)) {
        let through = |words: &[String]| {
            let at = words.iter().position(|word| word == "via")?;
            words.get(at + 1)?.parse::<IpAddr>().ok().filter(|via| given.net.contains(*via))
        };
        for (at, route) in typed.iter().enumerate() {
            if route.ns == given.ns && adds_route(route) && through(&route.words).is_some() {
                let lost = !is_there(evidence, route) && !is_taken_back(route, &typed[at + 1..]);
                let mended = fix.iter().any(|step| same_route(step, route));
                if lost && !mended {
                    again.push(line(&route.raw));
                }
            }
        }
        again.extend(swept_away(evidence, &given, &fix));
    }
    for command in again {
        if !found.suspect.fix.contains(&command) {
            found.suspect.fix.push(command);
        }
    }
}

/// A network that a step of a cure makes reachable.
struct Given {
    ns: String,
    dev: String,
    net: Net,
}

impl Given {
    fn by(step: &Typed) -> Option<Self> {
        let direct = step.is("ip", &["route", "add"]) && step.after("via").is_none();
        if !direct && !step.is("ip", &["addr", "add"]) {
            return None;
        }
        let net = Net::parse(step.words.get(2)?)?;
        let net = network(net.ip, net.len);
        Some(Self { ns: step.ns.clone(), dev: step.after("dev")?.into(), net })
    }
}

fn adds_route(typed: &Typed) -> bool {
    ["add", "replace", "append"].iter().any(|verb| typed.is("ip", &["route", verb]))
}

/// Returns a route's destination and its table.
fn aim<'a>(typed: &'a Typed) -> (Option<&'a str>, u32) {
    let kinds = ["unicast", "to"];
    let dst = typed.words.iter().skip(2).find(|word| !kinds.contains(&word.as_str()));
    let table = match typed.after("table") {
        None | Some("main") => Some(254),
        Some(table) => table.parse().ok(),
    };
    (dst.map(String::as_str), table.unwrap_or(0))
}

fn same_route(step: &Typed, route: &Typed) -> bool {
    adds_route(step) && step.ns == route.ns && aim(step) == aim(route)
}

fn is_there(evidence: &Evidence, route: &Typed) -> bool {
    let (Some(dst), table) = aim(route) else { return true };
    let dst = Net::parse(dst);
    let v6 = route.after("via").is_some_and(|via| via.contains(':'));
    let is_it = |known: &Route| match dst {
        Some(dst) => known.dst == dst,
        None => known.dst.len == 0 && known.dst.ip.is_ipv6() == v6,
    };
    evidence
        .survey
        .space(&route.ns)
        .is_none_or(|space| space.routes.iter().any(|known| known.table == table && is_it(known)))
}

/// Tells whether a later command deleted the route.
fn is_taken_back(route: &Typed, later: &[Typed]) -> bool {
    later.iter().any(|other| {
        other.ns == route.ns && other.is("ip", &["route", "del"]) && aim(other).0 == aim(route).0
    })
}

/// Returns the routes that the kernel removes when a link's last IPv4 address is deleted.
fn swept_away(evidence: &Evidence, given: &Given, fix: &[Typed]) -> Vec<String> {
    let Some(space) = evidence.survey.space(&given.ns) else { return Vec::new() };
    let deleted = |ip: IpAddr| {
        fix.iter().any(|step| {
            step.ns == given.ns
                && step.is("ip", &["addr", "del"])
                && step.words.get(2).and_then(|word| Net::parse(word)).is_some_and(|net| net.ip == ip)
        })
    };
    let mut own = space.addrs.iter().filter(|addr| addr.dev == given.dev && addr.ip.is_ipv4()).peekable();
    if given.net.ip.is_ipv6() || own.peek().is_none() || !own.all(|addr| deleted(addr.ip)) {
        return Vec::new();
    }
    // The cure may add the route itself.
    let brought = |dst: &str| {
        fix.iter().any(|step| {
            let gives = step.is("ip", &["route", "add"]) || step.is("ip", &["route", "replace"]);
            step.ns == given.ns && gives && step.words.iter().any(|word| word == dst)
        })
    };
    let through = space.routes.iter().filter(|route| {
        route.dev() == Some(given.dev.as_str())
            && route.via().is_some_and(|via| given.net.contains(via))
            && route.table != 255
            && !route.cached
            && !brought(&route.dst.to_string())
    });
    let ip = evidence.ip(&given.ns);
    through
        .filter_map(|route| {
            let table = table(route);
            let metric = if route.metric == 0 { String::new() } else { format!(" metric {}", route.metric) };
            Some(format!("{ip} route add {} via {}{table}{metric}", route.dst, route.via()?))
        })
        .collect()
}
