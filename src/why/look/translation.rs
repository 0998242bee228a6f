//! Address translation: what a rule does, and where it has sent the probe.

use super::shot::{Shot, Wall};
use crate::event::Passed;
use crate::net::{Backend, FirewallRule, RulePart};
use std::net::IpAddr;

/// The address that a rule rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::why) enum Rewrites {
    Destination,
    Source,
}

/// A probe whose destination a namespace has rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Translated {
    /// The namespace.
    pub ns: String,
    /// The new destination.
    pub dst: IpAddr,
    /// The new port, if the rule names one.
    pub port: Option<u16>,
}

/// Returns the address that a rule rewrites, if it is a rule of NAT.
pub(in crate::why) fn rewrites(rule: &FirewallRule) -> Option<Rewrites> {
    let of = |action: &str| match action.to_lowercase().as_str() {
        "dnat" | "redirect" => Some(Rewrites::Destination),
        "snat" | "masquerade" => Some(Rewrites::Source),
        // It rewrites the source as well, in other chains.
        "netmap" if matches!(rule.chain.as_str(), "PREROUTING" | "OUTPUT") => Some(Rewrites::Destination),
        _ => None,
    };
    // A condition may have the same word: `--ctstate DNAT`.
    match rule.backend {
        Backend::Nft => rule.parts.iter().find_map(|part| match part {
            RulePart::Statement { statement } => of(statement.split(' ').next()?),
            _ => None,
        }),
        _ => of(word_after(&rule.spec, "-j")?),
    }
}

/// Returns the address and the port that a rule of DNAT or REDIRECT names.
pub(in crate::why) fn aim(rule: &FirewallRule) -> (Option<IpAddr>, Option<u16>) {
    let aim = word_after(&rule.spec, before_aim(rule)).unwrap_or_default();
    if let Ok(ip) = aim.trim_matches(['[', ']']).parse::<IpAddr>() {
        return (Some(ip), None);
    }
    match aim.rsplit_once(':') {
        Some((ip, port)) => (ip.trim_matches(['[', ']']).parse().ok(), port.parse().ok()),
        None => (None, aim.parse().ok()),
    }
}

/// Returns the option or word before the address that a rule translates to.
pub(in crate::why) fn before_aim(rule: &FirewallRule) -> &'static str {
    match (rule.backend, rule.spec.contains("REDIRECT")) {
        (Backend::Nft, _) => "to",
        (_, true) => "--to-ports",
        (_, false) => "--to-destination",
    }
}

fn word_after<'a>(spec: &'a str, word: &str) -> Option<&'a str> {
    let mut words = spec.split_whitespace();
    words.find(|known| *known == word)?;
    words.next()
}

impl Wall {
    /// Tells whether a rule of NAT here is for packets to an address.
    pub fn translates(&self, dst: IpAddr) -> bool {
        let all = if dst.is_ipv6() { "/128" } else { "/32" };
        let is_it = |word: &str| word.trim_end_matches(all).parse() == Ok(dst);
        let mut rules = self.after.rules.iter().filter(|rule| !rule.policy);
        rules.any(|rule| {
            let words: Vec<&str> = rule.spec.split_whitespace().collect();
            (rule.table == "nat" || rewrites(rule).is_some())
                && words.windows(2).any(|pair| matches!(pair[0], "-d" | "daddr") && is_it(pair[1]))
        })
    }
}

impl Shot {
    /// Returns where the first rule of DNAT that the probe met has sent it.
    pub fn translated(&self) -> Option<Translated> {
        let came = |ns: &str| {
            let mut seen = self.sightings.iter();
            seen.any(|at| at.netns == ns && !at.out && self.passed(at) == Some(Passed::Request))
        };
        self.walls.iter().filter(|wall| came(&wall.netns)).find_map(|wall| {
            let met = wall.after.rules.iter().find(|rule| {
                !rule.policy && rewrites(rule) == Some(Rewrites::Destination) && wall.has_met(rule)
            })?;
            let (dst, port) = aim(met);
            Some(Translated { ns: wall.netns.clone(), dst: dst?, port })
        })
    }
}
