//! Commands of the lab that were refused, and that would have helped.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::event::LabCommand;
use crate::lab::Place;
use crate::net::survey::Net;
use crate::why::Cause;
use crate::why::command::refused::{is_typed_again, was_to_build};
use crate::why::command::repair::{self, Repair};
use crate::why::command::say::line;
use crate::why::evidence::Evidence;
use crate::why::evidence::typed::{self, Typed};
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects commands that were refused.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    if evidence.shot.reached {
        return found;
    }
    let typed = &evidence.typed;
    for (at, refused) in typed.iter().enumerate() {
        let Some(words) = &refused.command.failed else { continue };
        let later = &typed[at + 1..];
        let unknown = refused.raw.iter().any(|word| word.contains('$'));
        if unknown || is_typed_again(refused, later) || !was_to_build(refused, words) {
            continue;
        }
        for (nth, repair) in repair::repairs(evidence, typed, refused, words).into_iter().enumerate() {
            found.extend(one(evidence, refused, words, later, &repair, nth as i8));
        }
    }
    found
}

/// Tells whether a tool has not understood a command, which it would refuse later too.
fn is_misspelt(words: &str) -> bool {
    const SAID: [&str; 12] = [
        "Try `",
        "Usage:",
        "garbage",
        "invalid port",
        "Bad argument",
        "unknown option",
        "Unknown",
        "syntax error",
        "is wrong",
        "prefix is expected",
        "is not complete",
        "is required",
    ];
    SAID.iter().any(|said| words.contains(said))
}

fn one(
    evidence: &Evidence,
    refused: &Typed,
    words: &str,
    later: &[Typed],
    repair: &Repair,
    nth: i8,
) -> Option<Suspicion> {
    let command = line(&repair.words);
    let repaired = LabCommand { place: Place::default(), command: command.clone(), failed: None };
    let meant = typed::read(std::slice::from_ref(&repaired)).pop()?;
    // A namespace without a cable was meant to have the one that is named after it.
    let brings = repair.before.iter().any(|command| command.contains(" link set "));
    let concerns = concerns(evidence, &meant)?;
    let rank = if brings { concerns.max(Tier::Named.exact()) } else { concerns };
    let rank = rank.near(-nth);
    let mut fix = repair.before.clone();
    fix.push(command);
    fix.extend(consequences(evidence, &meant, later, repair));
    let said = said(words);
    let lacking = repair.said.is_empty() && is_lacking(words);
    if lacking {
        // Typed again, the command would be refused again.
        fix.clear();
    }
    let mut text = format!("`{}` was refused", line(&refused.raw));
    if !said.is_empty() {
        text += &format!(" ({said})");
    }
    match repair.said.is_empty() {
        true if lacking => {
            text += ": this machine's kernel has no such thing, and none of its modules is loaded"
        }
        true if is_misspelt(words) => text += ", and so nothing of it was done",
        true => text += ": it can have come too early; typed now, it is right",
        false => text += &format!(": {}", repair.said.join(", and ")),
    }
    let switched_off = repair.said.iter().any(|said| said.starts_with("IPv6 is switched off"));
    let id = if switched_off { Cause::Ipv6Disabled } else { Cause::CommandRefused };
    let mut suspect = suspect(id, meant.ns.clone(), text, fix);
    suspect.evidence = vec![line(&refused.raw)];
    Some(Suspicion { rank, sure: false, suspect })
}

/// Tells whether the kernel lacks a feature that a command needs.
fn is_lacking(words: &str) -> bool {
    ["Unknown device type", "qdisc kind is unknown", "load TC action module"]
        .iter()
        .any(|lack| words.contains(lack))
}

/// Returns a tool's error message in one line.
fn said(words: &str) -> String {
    let mut lines = words.lines().map(str::trim).filter(|line| {
        !line.is_empty()
            && !line.starts_with("Try `")
            && !line.starts_with("Usage")
            && !line.starts_with("For more")
    });
    let line = lines.next_back().unwrap_or_default();
    let line = line.rsplit_once(": line ").map_or(line, |(_, rest)| rest);
    let line = line.strip_prefix("Error: ").unwrap_or(line).trim_end_matches('.');
    line.strip_prefix("RTNETLINK answers: ").unwrap_or(line).to_string()
}

/// Returns the later commands that were refused only because this one was.
fn consequences(evidence: &Evidence, meant: &Typed, later: &[Typed], repair: &Repair) -> Vec<String> {
    let mut commands = Vec::new();
    let net = meant
        .is("ip", &["addr", "add"])
        .then(|| meant.words.iter().find_map(|word| Net::parse(word)))
        .flatten();
    let makes = meant.is("ip", &["link", "add"]) || meant.is("ip", &["netns", "add"]);
    let made: Vec<&String> = meant.words.iter().skip(2).filter(|_| makes).collect();
    for other in later.iter().filter(|other| other.command.failed.is_some()) {
        let mut raw = other.raw.clone();
        let mut follows = false;
        for (old, new) in &repair.swaps {
            for word in raw.iter_mut().filter(|word| *word == old) {
                word.clone_from(new);
                follows = true;
            }
        }
        follows |= made.iter().any(|name| {
            !matches!(name.as_str(), "type" | "veth" | "peer" | "name" | "netns" | "bridge" | "dev")
                && raw.contains(name)
        });
        let via = other.after("via").and_then(|via| via.parse::<IpAddr>().ok());
        let dev =
            |typed: &Typed| typed.after("dev").or(typed.words.get(2).map(String::as_str)).map(String::from);
        follows |= !repair.before.is_empty() && other.ns == meant.ns && dev(other) == dev(meant);
        follows |= other.ns == meant.ns && net.zip(via).is_some_and(|(net, via)| net.contains(via));
        let repeated = later.iter().any(|known| known.command.failed.is_none() && known.raw == other.raw);
        if follows && !repeated && evidence.survey.space(&other.ns).is_some_and(|_| other.program == "ip") {
            commands.push(line(&raw));
        }
    }
    commands
}

/// Returns the rank of a refused command, or nothing if it would change nothing or
/// could not help.
fn concerns(evidence: &Evidence, meant: &Typed) -> Option<Rank> {
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let space = evidence.survey.space(&meant.ns);
    let on_way =
        meant.ns == "host" || evidence.spaces_on_the_way().iter().any(|space| space.name == meant.ns);
    let (mut low_layer, mut late) = (false, false);
    match meant.program.as_str() {
        "ip" => {
            let object = meant.words.first().map(String::as_str).unwrap_or_default();
            let verb = meant.words.get(1).map(String::as_str).unwrap_or_default();
            match (object, verb) {
                ("addr", _) => {
                    let net = meant.words.iter().skip(2).find_map(|word| Net::parse(word))?;
                    let has = space?
                        .addrs
                        .iter()
                        .any(|addr| addr.ip == net.ip && meant.after("dev") == Some(&addr.dev));
                    if has || net.ip.is_ipv6() != v6 {
                        return None;
                    }
                    low_layer = true;
                }
                ("link", "set") => {
                    let name = meant.after("dev").or(meant.words.get(2).map(String::as_str))?;
                    let link = space?.link(name)?;
                    let only_up = meant.words.iter().skip(2).all(|w| w == "dev" || w == "up" || w == name);
                    if only_up && link.up {
                        return None;
                    }
                    low_layer = true;
                }
                ("link", _) => {
                    let name = meant.after("name").or(meant.words.get(2).map(String::as_str))?;
                    if space.is_some_and(|space| space.link(name).is_some()) {
                        return None;
                    }
                    low_layer = true;
                }
                ("netns", _) => {
                    if meant.words.get(2).is_some_and(|name| evidence.survey.space(name).is_some()) {
                        return None;
                    }
                    low_layer = true;
                }
                ("route", _) => {
                    let dst = meant.words.iter().skip(2).find_map(|word| route_dst(word, v6))?;
                    let ends = [evidence.shot.target, evidence.source_seen()];
                    if !ends.into_iter().flatten().any(|ip| dst.contains(ip)) {
                        return Some(Tier::Odd.plain());
                    }
                }
                ("rule" | "neigh", _) => {}
                _ => low_layer = true,
            }
        }
        "bridge" | "brctl" => low_layer = true,
        "tc" => return Some(Tier::Odd.plain()),
        "sysctl" => {
            let set = |word: &String| {
                let (key, value) = word.split_once('=')?;
                let key = key.replace('/', ".");
                let switch = |key: &str| space.and_then(|space| space.sysctl(key));
                Some(switch(&key) == Some(value))
            };
            if meant.words.iter().filter_map(set).all(|done| done) {
                return None;
            }
        }
        program if program.contains("tables") || program == "nft" => {
            let drops = ["DROP", "REJECT", "drop", "reject"];
            if meant.words.iter().any(|word| drops.contains(&word.as_str())) {
                return None;
            }
            if program.starts_with("ip6") != v6 && program != "nft" {
                return None;
            }
            late = meant.words.iter().any(|word| word.to_uppercase().contains("NAT") || word == "MASQUERADE");
            let walled =
                evidence.shot.walls.iter().any(|wall| wall.netns == meant.ns && !wall.culprits().is_empty());
            if walled && on_way {
                return Some(Tier::Named.close());
            }
        }
        _ => {}
    }
    let here = match &evidence.gate {
        Gate::Send => low_layer || meant.ns == evidence.probe.from,
        Gate::Forward => low_layer || late || meant.ns == evidence.stuck.ns,
        _ => true,
    };
    Some(match (on_way, here) {
        (true, true) => Tier::Named.close(),
        (true, false) => Tier::OnTheWay.plain(),
        (false, _) if evidence.targets().is_empty() && low_layer => Tier::Here.exact(),
        (false, _) => Tier::Odd.plain(),
    })
}

fn route_dst(word: &str, v6: bool) -> Option<Net> {
    match word {
        "default" => Some(Net {
            ip: if v6 {
                std::net::Ipv6Addr::UNSPECIFIED.into()
            } else {
                std::net::Ipv4Addr::UNSPECIFIED.into()
            },
            len: 0,
        }),
        word => Net::parse(word),
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::CommandRefused,
    title: "a command of the lab was refused, and what it was for is missing",
    symptom: "Whatever is missing: an address, a route, a rule. An error was printed when the lab was built, above what came after, or was sent to /dev/null.",
    cause: "A name is misspelt, an address is none, a prefix is too long, a gateway is not on the link, a rule stands for a table that has no such chain, an option is known only after another, or the command came too early.",
    evidence: "Type it again, and read what it says:\n  ip -n NS addr add ADDR/LEN dev DEV\n  echo $?",
    cure: "Type it as it was meant; in a script, let the first failure end it:\n  set -e",
}];
