//! Corrections of refused commands: what they were probably meant to be.

use super::keyword;
use super::route_slip;
use super::rule_slip;
use super::slip::{self, nearest};
use crate::net::survey::{LinkKind, Net, Space, conf_key};
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::network;
use crate::why::evidence::typed::Typed;

/// A command as it was probably meant.
#[derive(Debug, Clone, Default)]
pub(in crate::why) struct Repair {
    /// Its words.
    pub words: Vec<String>,
    /// The commands to run before it.
    pub before: Vec<String>,
    /// The errors in the refused command, in plain words.
    pub said: Vec<String>,
    /// The words that were changed, each before and after.
    pub swaps: Vec<(String, String)>,
}

impl Repair {
    /// Changes a word.
    pub fn swap(&mut self, at: usize, new: &str, why: String) {
        let old = std::mem::replace(&mut self.words[at], new.to_string());
        self.swaps.push((old, new.to_string()));
        self.said.push(why);
    }

    /// Returns the index of the word after another one.
    pub fn after(&self, word: &str) -> Option<usize> {
        let at = self.words.iter().position(|known| known == word)?;
        (at + 1 < self.words.len()).then_some(at + 1)
    }
}

/// Returns the commands that were probably meant, the most plausible first.
pub(in crate::why) fn repairs(evidence: &Evidence, all: &[Typed], typed: &Typed, words: &str) -> Vec<Repair> {
    let mut repair = Repair { words: typed.raw.clone(), ..Repair::default() };
    let ns = namespace(evidence, &mut repair, &typed.ns);
    let program = program_at(&repair.words);
    let Some(name) = repair.words.get(program).cloned() else { return Vec::new() };
    let known: Vec<&str> = slip::PROGRAMS.to_vec();
    let name = match nearest(&name, known.iter().copied()) {
        Some(meant) if !known.contains(&name.as_str()) => {
            repair.swap(program, meant, format!("there is no command {name}, but {meant}"));
            meant.to_string()
        }
        _ => name,
    };
    match name.as_str() {
        "ip" | "bridge" | "tc" | "brctl" => ip(evidence, all, typed, repair, &ns, words),
        "sysctl" => slip::sysctl(evidence, repair, program, &ns),
        name if name.contains("tables") => rule_slip::iptables(evidence, repair, program, &ns),
        "nft" => rule_slip::nft(evidence, repair, &ns),
        _ => vec![repair],
    }
}

/// Returns the index of the program's name: after `ip netns exec NAME`.
fn program_at(words: &[String]) -> usize {
    let execs = words.get(1).is_some_and(|word| word == "netns")
        && words.get(2).is_some_and(|word| word.starts_with("ex"));
    if execs { 4 } else { 0 }
}

/// Repairs the names of namespaces, and returns the one that the command acts in.
fn namespace(evidence: &Evidence, repair: &mut Repair, ns: &str) -> String {
    let names = || evidence.survey.spaces.iter().skip(1).map(|space| space.name.as_str());
    let mut acts = ns.to_string();
    for at in 1..repair.words.len() {
        let before = repair.words[at - 1].as_str();
        let exec = at >= 3 && repair.words[at - 2] == "netns" && before == "exec";
        if !(matches!(before, "-n" | "-netns") || exec || before == "netns" && at >= 4) {
            continue;
        }
        let name = repair.words[at].clone();
        let known =
            names().any(|known| known == name) || name.parse::<u32>().is_ok() || name.starts_with('/');
        if known {
            continue;
        }
        if let Some(meant) = nearest(&name, names()) {
            repair.swap(at, meant, format!("there is no namespace {name}, but {meant}"));
            if name == acts {
                acts = meant.to_string();
            }
        }
    }
    acts
}

/// Repairs a command of iproute2.
fn ip(
    evidence: &Evidence,
    all: &[Typed],
    typed: &Typed,
    repair: Repair,
    ns: &str,
    words: &str,
) -> Vec<Repair> {
    let mut repair = repair;
    if let Some((at, before)) = keyword::unnamed(&repair.words) {
        let name = &repair.words[at];
        let word = keyword::read_as(name).unwrap_or_default();
        let why = match word == name {
            true => format!(
                "`{name}` is a word of `ip link`, so that it is not read as a name; `{before} {name}` is"
            ),
            false => format!(
                "`ip link` reads `{name}` as its keyword `{word}`; `{before} {name}` is read as a name"
            ),
        };
        repair.said.push(why);
        repair.words.insert(at, before.into());
        return vec![repair];
    }
    misspelt(&mut repair, words);
    let too_long = names_too_long(&mut repair);
    let Some(space) = evidence.survey.space(ns) else { return vec![repair] };
    let mut all_repairs = if too_long { vec![repair] } else { devices(evidence, repair, space, typed) };
    if let Some(name) = never_made(all, typed, space) {
        // The refusal follows from another one, so the name is not misspelt.
        all_repairs.retain(|repair| !repair.swaps.iter().any(|(old, _)| *old == name));
    }
    all_repairs = all_repairs
        .into_iter()
        .flat_map(|repair| addresses(evidence, repair, space, typed))
        .flat_map(|repair| match typed.words.first().map(String::as_str) {
            Some("route") => route_slip::route(evidence, repair, space),
            _ => vec![repair],
        })
        .collect();
    for repair in &mut all_repairs {
        on_another_link(evidence, repair, space, typed);
        switched_off(evidence, repair, space, typed);
    }
    let exists = words.contains("File exists") || words.contains("already assigned");
    if exists {
        for repair in &mut all_repairs {
            let verb = repair.words.iter().position(|word| word == "add" || word == "a");
            if let Some(at) = verb.filter(|_| typed.words.first().is_some_and(|word| word == "route")) {
                let why = "there was a route of that kind already, and `add` does not take its place";
                repair.swap(at, "replace", why.into());
                repair.swaps.pop();
            }
        }
    }
    all_repairs
}

/// Moves an address to the link whose wire has the other addresses of its network.
fn on_another_link(evidence: &Evidence, repair: &mut Repair, space: &Space, typed: &Typed) {
    if !typed.is("ip", &["addr", "add"]) {
        return;
    }
    let net = repair.words.iter().find_map(|word| Net::parse(word)).map(|net| network(net.ip, net.len));
    let (Some(at), Some(net)) = (repair.after("dev"), net) else { return };
    let Some(right) = evidence.ground.right_link(space, net) else { return };
    let (dev, right) = (repair.words[at].clone(), &right.link.name);
    if dev != *right && space.link(&dev).is_some() {
        repair.swap(at, right, format!("the others of {net} are on the wire of {right}, not of {dev}"));
    }
}

/// Returns the command's link if it is missing because the command that makes it was
/// refused.
fn never_made(all: &[Typed], typed: &Typed, space: &Space) -> Option<String> {
    let made = |name: &&String| {
        space.link(name).is_none()
            && all.iter().any(|other| {
                other.is("ip", &["link", "add"])
                    && other.command.failed.is_some()
                    && other.command.command != typed.command.command
                    && other.words.contains(name)
                    && (other.ns == typed.ns || other.words.contains(&typed.ns))
            })
    };
    let words = &typed.words;
    let at = |word: &str| words.iter().position(|known| known == word).and_then(|at| words.get(at + 1));
    at("dev").or_else(|| at("set")).filter(made).cloned()
}

/// Switches IPv6 on first if it is off on the link, and skips duplicate address
/// detection, for which the cure does not wait.
fn switched_off(evidence: &Evidence, repair: &mut Repair, space: &Space, typed: &Typed) {
    let Some(dev) = repair.after("dev").map(|at| repair.words[at].clone()) else { return };
    let v6 = repair.words.iter().any(|word| Net::parse(word).is_some_and(|net| net.ip.is_ipv6()));
    if !v6 {
        return;
    }
    let keys = ["all", dev.as_str()].map(|dev| conf_key("ipv6", dev, "disable_ipv6"));
    let off: Vec<&String> = keys.iter().filter(|key| space.switch(key) == Some(1)).collect();
    for key in &off {
        repair.before.push(evidence.sysctl(&space.name, key, "0"));
    }
    if let Some(key) = off.first() {
        repair.said.push(format!("IPv6 is switched off there ({key}=1 in {})", space.name));
    }
    let gives = typed.words.first().is_some_and(|word| word == "addr");
    if gives && !repair.words.iter().any(|word| word == "nodad") {
        repair.words.push("nodad".into());
    }
}

/// Repairs a word that the error message of `ip` quotes.
fn misspelt(repair: &mut Repair, words: &str) {
    let quoted = words.split('"').skip(1).step_by(2);
    for word in quoted {
        let Some(at) = repair.words.iter().position(|known| known == word) else { continue };
        if at == 0 || slip::IP_WORDS.contains(&word) || word.contains(['.', ':', '/']) {
            continue;
        }
        let names_something = ["dev", "via", "master", "name", "netns", "-n", "exec"];
        if names_something.contains(&repair.words[at - 1].as_str()) {
            continue;
        }
        if let Some(meant) = nearest(word, slip::IP_WORDS.iter().copied()) {
            repair.swap(at, meant, format!("`{word}` is no word of ip; `{meant}` is"));
        }
    }
}

/// Shortens the names of links to the kernel's 15 bytes.
fn names_too_long(repair: &mut Repair) -> bool {
    let mut cut = false;
    for at in 1..repair.words.len() {
        let names = matches!(repair.words[at - 1].as_str(), "name" | "add" | "dev");
        let makes = repair.words.iter().any(|word| word == "type");
        let word = repair.words[at].clone();
        if names && makes && word.len() > 15 {
            let short: String = word.chars().take(15).collect();
            let short = short.trim_end_matches(['-', '.', '_']).to_string();
            let why = format!("a link's name has at most 15 bytes, and {word} has {}", word.len());
            repair.swap(at, &short, why);
            cut = true;
        }
    }
    cut
}

/// Repairs the names of links.
fn devices(evidence: &Evidence, repair: Repair, space: &Space, typed: &Typed) -> Vec<Repair> {
    let makes = repair.words.iter().any(|word| word == "type")
        && typed.words.get(1).is_some_and(|word| word == "add");
    let object = typed.words.first().map(String::as_str).unwrap_or_default();
    let mut places: Vec<usize> = Vec::new();
    for at in 1..repair.words.len() {
        let before = repair.words[at - 1].as_str();
        let named = matches!(before, "dev" | "master" | "link") && repair.words[at] != "set";
        let of_link = object == "link" && before == "set" && repair.words[at] != "dev";
        if (named && !(makes && before == "dev")) || of_link {
            places.push(at);
        }
    }
    places.retain(|at| !matches!(repair.words[*at].as_str(), "add" | "set" | "up" | "del" | "dev"));
    let mut all = vec![repair];
    for at in places {
        let name = all[0].words[at].clone();
        if space.link(&name).is_some() {
            continue;
        }
        all = all.into_iter().flat_map(|repair| device(evidence, repair, space, at, &name, object)).collect();
    }
    all
}

/// Returns repairs for a link name that does not exist.
fn device(
    evidence: &Evidence,
    repair: Repair,
    space: &Space,
    at: usize,
    name: &str,
    object: &str,
) -> Vec<Repair> {
    let mut all: Vec<Repair> = Vec::new();
    // An end of a cable that was never moved to this namespace.
    for other in
        evidence.survey.spaces.iter().filter(|other| other.name != space.name && space.name != "host")
    {
        let bare = other.links.iter().filter(|link| {
            link.kind == LinkKind::Veth
                && link.master.is_none()
                && !other.addrs.iter().any(|addr| addr.index == link.index && addr.scope == "global")
                && (other.name == "host" || link.name.contains(&space.name))
                && space.links.iter().all(|link| link.loopback)
        });
        for link in bare {
            let rename = if link.name == name { String::new() } else { format!(" name {name}") };
            let mut brought = repair.clone();
            let at = &space.name;
            brought.before =
                vec![format!("{} link set {} netns {at}{rename}", evidence.ip(&other.name), link.name)];
            brought.said.push(format!(
                "{at} has no {name}: the end of the cable that is for it, {}, was left in {}",
                link.name, other.name
            ));
            all.push(brought);
        }
    }
    let is_master = repair.words[at - 1] == "master";
    let elsewhere: Vec<&Space> = evidence
        .spaces_on_the_way()
        .into_iter()
        .chain(evidence.survey.spaces.iter())
        .filter(|other| other.name != space.name && other.link(name).is_some())
        .collect();
    let links =
        space.links.iter().filter(|link| !link.loopback && (!is_master || link.kind == LinkKind::Bridge));
    let names: Vec<&str> = links.map(|link| link.name.as_str()).collect();
    let near = nearest(name, names.iter().copied());
    let bare: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !space.addrs.iter().any(|addr| addr.dev == **name && addr.scope != "link"))
        .collect();
    let only = match (&names[..], &bare[..]) {
        ([only], _) | (_, [only]) => Some(*only),
        _ => None,
    };
    if space.name == "host" || near.is_none() {
        // Links that the command would change come first.
        let mut others = elsewhere.clone();
        others.sort_by_key(|other| other.link(name).is_some_and(|link| link.up));
        others.dedup_by_key(|other| other.name.clone());
        for other in others {
            // The address would be given twice, or to the sender.
            let given = other.addrs.iter().any(|addr| addr.dev == name && addr.scope == "global");
            let done = other.link(name).is_some_and(|link| link.up);
            if object == "addr" && (given || other.name == evidence.probe.from) || object == "link" && done {
                continue;
            }
            let mut moved = repair.clone();
            let tool = evidence.tool(&moved.words[0].clone(), &other.name);
            let mut words: Vec<String> = shell_words::split(&tool).unwrap_or_default();
            let rest = match moved.words.get(1).map(String::as_str) {
                Some("-n" | "-netns") => 3,
                Some("netns") => 5,
                _ => 1,
            };
            words.extend(moved.words.iter().skip(rest).cloned());
            moved.words = words;
            moved.said.push(format!(
                "{} has no {name}; the one of {} was meant, and the command was typed for the wrong namespace",
                space.name, other.name
            ));
            if !all.iter().any(|known: &Repair| known.words == moved.words) {
                all.push(moved);
            }
        }
    }
    for meant in near.into_iter().chain(only.filter(|only| Some(*only) != near)) {
        let mut swapped = repair.clone();
        swapped.swap(at, meant, format!("{} has no {name}, but {meant}", space.name));
        all.push(swapped);
    }
    all
}

/// Repairs invalid addresses.
fn addresses(evidence: &Evidence, repair: Repair, space: &Space, typed: &Typed) -> Vec<Repair> {
    let object = typed.words.first().map(String::as_str).unwrap_or_default();
    if !matches!(object, "addr" | "route" | "neigh") {
        return vec![repair];
    }
    let link = repair.after("dev").and_then(|at| space.link(&repair.words[at]));
    let skip = ["dev", "type", "table", "metric", "label", "proto", "scope", "lladdr", "nud", "netns", "-n"];
    let looks = |at: &usize| {
        let word = &repair.words[*at];
        let dotted = word.matches('.').count() >= 2 || word.matches(':').count() >= 2 || word.contains('/');
        let digits = word.chars().any(|c| c.is_ascii_digit());
        *at > 0 && dotted && digits && !skip.contains(&repair.words[at - 1].as_str())
    };
    let bad: Vec<usize> =
        (0..repair.words.len()).filter(looks).filter(|at| Net::parse(&repair.words[*at]).is_none()).collect();
    let mut all = vec![repair];
    for at in bad {
        all = all
            .into_iter()
            .flat_map(|repair| {
                let word = repair.words[at].clone();
                let meant = slip::addresses(evidence, space, link, &word, object == "addr");
                meant.into_iter().take(3).map(move |(meant, why)| {
                    let mut repair = repair.clone();
                    repair.swap(at, &meant, why);
                    repair
                })
            })
            .collect();
    }
    all
}
