//! Rules of a firewall that an earlier line of the lab made, and a later one took away.

use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::why::Cause;
use crate::why::command::say::line;
use crate::why::evidence::Evidence;
use crate::why::evidence::typed::Typed;

/// The targets of rules whose loss can stop a packet.
const HELP: [&str; 9] =
    ["ACCEPT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "MARK", "CONNMARK", "TPROXY", "RETURN"];

/// The rules that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    /// The tool; `nft`, `iptables` or `ip6tables`.
    tool: String,
    /// The table, if it is not all of them; with the family for nft.
    table: Option<String>,
    /// The chain, if it is not all of them.
    chain: Option<String>,
}

impl Scope {
    /// Tells whether all rules of another scope are in this one.
    fn covers(&self, other: &Self) -> bool {
        let within = |all: &Option<String>, one: &Option<String>| all.is_none() || all == one;
        self.tool == other.tool && within(&self.table, &other.table) && within(&self.chain, &other.chain)
    }
}

/// The effect of a command on rules.
enum Effect {
    /// Makes a rule.
    Makes(Scope),
    /// Makes a table or a chain, which a flush leaves.
    Frames(Scope),
    /// Takes the rules away.
    Flushes(Scope),
    /// Takes the tables and chains away as well.
    Deletes(Scope),
    Other,
}

/// Suspects flushed rules.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let way = evidence.spaces_on_the_way();
    if evidence.shot.reached {
        return Vec::new();
    }
    let worked = evidence.typed.iter().filter(|typed| typed.command.failed.is_none());
    let worked: Vec<&Typed> = worked.collect();
    let mut found = Vec::new();
    for (at, flush) in worked.iter().enumerate() {
        let (scope, all) = match effect(flush) {
            Effect::Flushes(scope) => (scope, false),
            Effect::Deletes(scope) => (scope, true),
            _ => continue,
        };
        if !way.iter().any(|space| space.name == flush.ns) {
            continue;
        }
        let is_lost = |made: &&&Typed| {
            let again = || worked[at..].iter().any(|later| later.raw == made.raw);
            let gone = match effect(made) {
                Effect::Makes(of) => scope.covers(&of),
                Effect::Frames(of) => all && scope.covers(&of),
                _ => false,
            };
            gone && made.ns == flush.ns && !again()
        };
        // Rules that an earlier flush took away count for that one.
        let since = worked[..at].iter().rposition(|before| {
            let flushes =
                matches!(effect(before), Effect::Flushes(of) | Effect::Deletes(of) if of.covers(&scope));
            flushes && before.ns == flush.ns
        });
        let lost: Vec<&&Typed> = worked[since.map_or(0, |at| at + 1)..at].iter().filter(is_lost).collect();
        if lost.iter().any(|typed| helps(typed)) {
            found.push(undone(evidence, flush, &lost));
        }
    }
    found
}

fn undone(evidence: &Evidence, flush: &Typed, lost: &[&&Typed]) -> Suspicion {
    let first = lost.iter().find(|typed| helps(typed)).map(|typed| line(&typed.raw)).unwrap_or_default();
    let others = match lost.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let at = match flush.command.place.line {
        0 => String::new(),
        line => format!(" (line {line})"),
    };
    let text = format!(
        "`{}`{at} took away the rule that an earlier line had made: `{first}`{others}",
        line(&flush.raw)
    );
    let fix = lost.iter().map(|typed| line(&typed.raw)).collect();
    let mut suspect = suspect(Cause::FirewallFlushed, format!("{}: rules", flush.ns), text, fix);
    let look = if flush.program == "nft" { "nft list ruleset" } else { "iptables-save" };
    suspect.evidence = vec![evidence.exec(&flush.ns, look)];
    let walled = evidence.shot.walls.iter().any(|wall| wall.netns == flush.ns && !wall.culprits().is_empty());
    let rank: Rank = if walled { Tier::Named.close() } else { Tier::Here.exact() };
    Suspicion { rank, sure: false, suspect }
}

/// Tells whether the loss of the rule can stop a packet.
fn helps(typed: &Typed) -> bool {
    if !matches!(effect(typed), Effect::Makes(_)) {
        return false;
    }
    let words = typed.words.join(" ").to_uppercase();
    words.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| HELP.contains(&word))
}

fn effect(typed: &Typed) -> Effect {
    let tool = typed.program.trim_end_matches("-nft").trim_end_matches("-legacy").to_string();
    match tool.as_str() {
        "iptables" | "ip6tables" => of_iptables(tool, &typed.words),
        "nft" => of_nft(&typed.words),
        _ => Effect::Other,
    }
}

fn of_iptables(tool: String, words: &[String]) -> Effect {
    let after = |names: [&str; 2]| {
        let at = words.iter().position(|word| names.contains(&word.as_str()))?;
        Some(words.get(at + 1).cloned())
    };
    let table = after(["-t", "--table"]).flatten().unwrap_or_else(|| "filter".into());
    let scope = |chain: Option<String>| Scope { tool: tool.clone(), table: Some(table.clone()), chain };
    let is_chain = |chain: &String| !chain.starts_with('-');
    for names in [["-A", "--append"], ["-I", "--insert"]] {
        if let Some(chain) = after(names) {
            return Effect::Makes(scope(chain));
        }
    }
    match after(["-F", "--flush"]) {
        Some(chain) => Effect::Flushes(scope(chain.filter(is_chain))),
        None => Effect::Other,
    }
}

fn of_nft(words: &[String]) -> Effect {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split_whitespace()).collect();
    let scope = |table: Option<String>, chain: Option<&str>| Scope {
        tool: "nft".into(),
        table,
        chain: chain.map(String::from),
    };
    // Without a family it is `ip`.
    let named = |words: &[&str]| -> (Option<String>, Option<String>) {
        let families = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
        let (family, rest) = match words.split_first() {
            Some((family, rest)) if families.contains(family) => (*family, rest),
            _ => ("ip", words),
        };
        let table = rest.first().map(|table| format!("{family} {table}"));
        (table, rest.get(1).map(|chain| chain.to_string()))
    };
    match words[..] {
        ["flush", "ruleset", ..] => Effect::Deletes(scope(None, None)),
        ["flush", "table", ..] => Effect::Flushes(scope(named(&words[2..]).0, None)),
        ["delete" | "destroy", "table", ..] => Effect::Deletes(scope(named(&words[2..]).0, None)),
        ["flush", "chain", ..] => {
            let (table, chain) = named(&words[2..]);
            Effect::Flushes(scope(table, chain.as_deref()))
        }
        ["add" | "insert", "rule", ..] => {
            let (table, chain) = named(&words[2..]);
            Effect::Makes(scope(table, chain.as_deref()))
        }
        ["add" | "create", "table" | "chain", ..] => {
            let (table, chain) = named(&words[2..]);
            Effect::Frames(scope(table, chain.as_deref()))
        }
        _ => Effect::Other,
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::FirewallFlushed,
    title: "a later command took the rule away that lets the packet pass",
    symptom: "It worked, and does not any more: silence, or a refused connection where a port was published.",
    cause: "`iptables -F` and `nft flush` delete all rules of a chain or a table, also those of others: of Docker, of a service manager, of an earlier line of the same script. The policy of a chain stays.",
    evidence: "The rule is not in the list:\n  ip netns exec NS iptables-save\n  ip netns exec NS nft list ruleset",
    cure: "Make the rule again, or delete only what is yours:\n  ip netns exec NS iptables -D CHAIN RULE",
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LabCommand;
    use crate::lab::Place;
    use crate::why::evidence::typed;

    /// Tells whether the second command takes away what the first has made.
    fn takes(first: &str, second: &str) -> bool {
        let command =
            |command: &str| LabCommand { place: Place::default(), command: command.into(), failed: None };
        let commands = [command(first), command(second)];
        let typed = typed::read(&commands);
        match (effect(&typed[0]), effect(&typed[1])) {
            (Effect::Makes(made), Effect::Flushes(of) | Effect::Deletes(of)) => of.covers(&made),
            (Effect::Frames(made), Effect::Deletes(of)) => of.covers(&made),
            _ => false,
        }
    }

    #[test]
    fn a_flush_takes_its_table_and_chain() {
        let dnat = "iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.0.0.2";
        assert!(takes(dnat, "iptables -t nat -F"));
        assert!(takes(dnat, "iptables -F PREROUTING -t nat"));
        assert!(!takes(dnat, "iptables -F"));
        assert!(!takes(dnat, "iptables -t nat -F POSTROUTING"));
        assert!(!takes(dnat, "ip6tables -t nat -F"));
        let rule = "nft add rule inet f in tcp dport 80 accept";
        assert!(takes(rule, "nft flush ruleset"));
        assert!(takes(rule, "nft 'flush chain inet f in'"));
        assert!(takes(rule, "nft delete table inet f"));
        assert!(!takes(rule, "nft flush table f"));
        assert!(!takes(rule, "nft list ruleset"));
        assert!(takes("nft add table inet f", "nft delete table inet f"));
        assert!(!takes("nft add table inet f", "nft flush table inet f"));
    }
}
