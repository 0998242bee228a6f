//! Commands of the lab that were refused, and that would have helped.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::event::LabCommand;
use crate::lab::Place;
use crate::net::survey::Net;
use crate::why::Cause;
use crate::why::command::keyword;
use crate::why::command::refused::{is_typed_again, was_to_build};
use crate::why::command::repair::{self, Repair};
use crate::why::command::say::line;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
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
    if let Some(pasted) = pasted(evidence) {
        return vec![pasted];
    }
    found.extend(misnamed(evidence));
    for (at, refused) in typed.iter().enumerate() {
        let Some(words) = &refused.command.failed else { continue };
        let later = &typed[at + 1..];
        let unknown = refused.raw.iter().any(|word| word.contains('$'));
        if unknown || is_typed_again(refused, later) || !was_to_build(refused, words) {
            continue;
        }
        for (nth, repair) in repair::repairs(evidence, typed, refused, words).into_iter().enumerate() {
            // A program that does not exist can't be run again.
            if repair.said.is_empty() && is_no_command(&refused.command.command, words) {
                continue;
            }
            found.extend(one(evidence, refused, words, later, &repair, nth as i8));
        }
    }
    found
}

/// Tells whether a command was refused only because a later one made what it needs: a link, a
/// namespace, the network of a gateway.
fn came_too_early(evidence: &Evidence, refused: &Typed, words: &str) -> bool {
    let Some(space) = evidence.survey.space(&refused.ns) else { return false };
    let mut quoted = words.split('"').skip(1).step_by(2);
    let is_there = |name: &str| space.link(name).is_some() || evidence.survey.space(name).is_some();
    let gateway = refused.after("via").and_then(|via| via.parse::<IpAddr>().ok());
    let on_link = |ip: IpAddr| space.addrs.iter().any(|addr| network(addr.ip, addr.prefix_len).contains(ip));
    if words.contains("Cannot find device") || words.contains("Cannot open network namespace") {
        return quoted.next().is_some_and(is_there);
    }
    let lacks_route = words.contains("invalid gateway") || words.contains("is unreachable");
    lacks_route && gateway.is_some_and(on_link)
}

/// Tells whether the shell has found no program for a command.
fn is_no_command(command: &str, words: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    words.contains("command not found") || words.contains(&format!(" {first}: No such file or directory"))
}

/// Suspects that the lab is the output of commands, pasted in their place: the shell has found
/// no program for most of its lines, and several of them look like a table.
fn pasted(evidence: &Evidence) -> Option<Suspicion> {
    let is_unknown = |one: &&LabCommand| {
        one.failed.as_deref().is_some_and(|words| is_no_command(&one.command, words)) && is_row(&one.command)
    };
    let rows: Vec<&LabCommand> = evidence.lab_commands.iter().filter(is_unknown).collect();
    if rows.len() < 2 || rows.len() * 2 < evidence.lab_commands.len() {
        return None;
    }
    let numbers: Vec<String> = rows.iter().map(|one| one.place.line.to_string()).collect();
    let shown = rows.first().map(|one| one.command.trim()).unwrap_or_default();
    let text = format!(
        "the lab has the output of commands in place of commands (lines {}, as `{shown}`): it builds no network that could be asked; type the commands that make these addresses, routes and rules",
        numbers.join(", ")
    );
    let suspect = suspect(Cause::OutputPasted, "the lab".into(), text, Vec::new());
    Some(Suspicion { rank: Tier::Named.exact(), sure: true, suspect })
}

/// Tells whether a line is a row of a table that a tool prints: of `ip`, `iptables`, `nft`, `ss`.
fn is_row(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(first) = words.first().copied() else { return false };
    let number = first.strip_suffix(':').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    let is_state = |word: &&str| matches!(*word, "UP" | "DOWN" | "UNKNOWN" | "LOWERLAYERDOWN");
    let known = ["default", "COMMIT", "Chain", "target", "inet", "inet6", "link/ether", "link/loopback"];
    number
        || Net::parse(first).is_some()
        || known.contains(&first)
        || first.starts_with(['*', ':'])
        || matches!(first, "-A" | "-P" | "-N")
        || words.get(1).is_some_and(is_state)
}

/// Suspects links whose name `ip link add` has read as one of its words, without an error: the
/// kernel has named them.
fn misnamed(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let typed = &evidence.typed;
    let worked = |typed: &&Typed| typed.command.failed.is_none() && typed.is("ip", &["link", "add"]);
    for (at, made) in typed.iter().enumerate().filter(|(_, typed)| worked(typed)) {
        let Some((place, _)) = keyword::unnamed(&made.raw) else { continue };
        let (Some(space), Some(kind)) = (evidence.survey.space(&made.ns), made.after("type")) else {
            continue;
        };
        let name = &made.raw[place];
        let by_kernel = |name: &str| name.strip_prefix(kind).is_some_and(|rest| rest.parse::<u32>().is_ok());
        let is_meant = |name: &String| typed.iter().any(|other| other.raw.contains(name));
        let stray = space.links.iter().find(|link| by_kernel(&link.name) && !is_meant(&link.name));
        let Some(stray) = stray.filter(|_| space.link(name).is_none()) else { continue };
        let (ns, ip, word) =
            (&space.name, evidence.ip(&space.name), keyword::read_as(name).unwrap_or_default());
        let text = format!(
            "`{}` has made a link that is called {} and not `{name}`: `ip link` reads `{name}` as its keyword `{word}`; `name {name}` is read as a name",
            line(&made.raw),
            stray.name
        );
        let mut fix = vec![format!("{ip} link set dev {} name {name}", stray.name)];
        let repair = Repair { words: made.raw.clone(), ..Repair::default() };
        fix.extend(consequences(evidence, made, &typed[at + 1..], &repair));
        let mut suspect = suspect(Cause::CommandRefused, ns.clone(), text, fix);
        suspect.evidence = vec![format!("{ip} link")];
        found.push(Suspicion { rank: Tier::Named.exact(), sure: false, suspect });
    }
    found
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
        true if came_too_early(evidence, refused, words) => {
            text += ": it came too early; what it needs is there now"
        }
        true => text += ", and so nothing of it was done",
        false => text += &format!(": {}", repair.said.join(", and ")),
    }
    let still = meant.words.iter().any(|word| word == "up").then(|| down(evidence, &meant)).flatten();
    if let Some(dev) = still {
        text += &format!(", and {dev} of {} is still DOWN", meant.ns);
    }
    let switched_off = repair.said.iter().any(|said| said.starts_with("IPv6 is switched off"));
    let id = if switched_off { Cause::Ipv6Disabled } else { Cause::CommandRefused };
    let mut suspect = suspect(id, meant.ns.clone(), text, fix);
    suspect.evidence = vec![line(&refused.raw)];
    suspect.typed = true;
    Some(Suspicion { rank, sure: false, suspect })
}

/// Returns the link that a command of `ip link set` is about, if it is down.
fn down<'a>(evidence: &'a Evidence, meant: &Typed) -> Option<&'a str> {
    let set = meant.is("ip", &["link", "set"]).then_some(meant)?;
    let name = set.after("dev").or(set.words.get(2).map(String::as_str))?;
    let link = evidence.survey.space(&set.ns)?.link(name)?;
    (!link.up).then_some(link.name.as_str())
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
            let command = line(&raw);
            commands.push(keyword::said(&command).unwrap_or(command));
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
                    // NAT on the way may have changed the ends of the packet that got lost.
                    let (src, to) = evidence.stuck.ends.unzip();
                    let ends = [evidence.shot.target, evidence.source_seen(), src, to];
                    if !ends.into_iter().flatten().any(|ip| dst.contains(ip)) {
                        return Some(Tier::Odd.plain());
                    }
                    // Without that route, the packet goes another way, and a firewall may
                    // stop it there.
                    if evidence.gate == Gate::Forward && meant.ns == evidence.stuck.ns {
                        return Some(Tier::Named.exact().near(1));
                    }
                    // The packet may also get lost beyond that namespace.
                    if evidence.has_sent_on(&meant.ns) {
                        return Some(Tier::Here.exact());
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
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::OutputPasted,
        title: "the lab is what commands printed, not the commands",
        symptom: "`command not found`, line by line, and a network without anything in it.",
        cause: "The rows of `ip addr`, `ip route` or `iptables-save` show a state. No shell can run them.",
        evidence: "The first word of each line is no program:\n  bash -n LAB\n  type WORD",
        cure: "Type the commands that make such a state:\n  ip addr add ADDR/LEN dev DEV\n  ip route add NETWORK/LEN via GATEWAY\n  iptables-restore < FILE",
    },
    Page {
        id: Cause::CommandRefused,
        title: "a command of the lab was refused, and what it was for is missing",
        symptom: "Whatever is missing: an address, a route, a rule. An error was printed when the lab was built, above what came after, or was sent to /dev/null.",
        cause: "A name is misspelt, an address is none, a prefix is too long, a gateway is not on the link, a rule stands for a table that has no such chain, an option is known only after another, or the command came too early.",
        evidence: "Type it again, and read what it says:\n  ip -n NS addr add ADDR/LEN dev DEV\n  echo $?",
        cure: "Type it as it was meant; in a script, let the first failure end it:\n  set -e",
    },
];
