//! Commands of the lab that were refused, and the rules that were meant by those of iptables.

use crate::event::LabCommand;
use crate::net::typed_words;
use crate::why::evidence::typed::{self, Typed};

/// The programs that build a network.
const BUILDERS: [&str; 20] = [
    "ip",
    "bridge",
    "tc",
    "sysctl",
    "iptables",
    "ip6tables",
    "iptables-legacy",
    "ip6tables-legacy",
    "iptables-nft",
    "ip6tables-nft",
    "iptables-restore",
    "ip6tables-restore",
    "nft",
    "ebtables",
    "arptables",
    "brctl",
    "ifconfig",
    "route",
    "ethtool",
    "wg",
];

/// Returns the commands that were to build something and failed. Those that say nothing are
/// left out, because their author expects it, and so are those that worked later.
pub(in crate::why) fn commands(lab_commands: &[LabCommand]) -> Vec<LabCommand> {
    let all = typed::read(lab_commands);
    let refused = all.iter().enumerate().filter(|(at, typed)| {
        let said = typed.command.failed.as_deref().unwrap_or_default();
        !said.trim().is_empty() && was_to_build(typed, said) && !is_typed_again(typed, &all[at + 1..])
    });
    refused.map(|(_, typed)| typed.command.clone()).collect()
}

/// Tells whether a refused command was to change something rather than to show it.
pub(in crate::why) fn was_to_build(typed: &Typed, said: &str) -> bool {
    let verb = typed.words.get(1).map(String::as_str).unwrap_or_default();
    if matches!(verb, "show" | "list" | "ls" | "get" | "del" | "flush") {
        return false;
    }
    BUILDERS.contains(&typed.program.as_str()) || said.contains("not found") || said.contains("No such file")
}

/// Tells whether a refused command worked later.
pub(in crate::why) fn is_typed_again(refused: &Typed, later: &[Typed]) -> bool {
    later.iter().any(|other| other.command.failed.is_none() && other.raw == refused.raw)
}

/// A rule that its tool refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Refused {
    /// The namespace.
    pub ns: String,
    /// The command as it was typed.
    pub command: String,
    /// The tool's error message.
    pub words: String,
    /// The chain.
    pub chain: Option<String>,
    /// The corrected words after the chain, if they differ.
    pub corrected: Option<String>,
    /// The corrected command, if it differs.
    pub fix: Option<String>,
}

/// The built-in chains and the targets.
const CAPITALS: [&str; 12] = [
    "INPUT",
    "OUTPUT",
    "FORWARD",
    "PREROUTING",
    "POSTROUTING",
    "ACCEPT",
    "DROP",
    "REJECT",
    "MASQUERADE",
    "DNAT",
    "SNAT",
    "RETURN",
];

/// Returns the rules that were refused.
pub(in crate::why) fn rules(lab_commands: &[LabCommand]) -> Vec<Refused> {
    let mut refused = Vec::new();
    for typed in typed::read(lab_commands) {
        let Some(said) = &typed.command.failed else { continue };
        if !typed.program.starts_with("iptables") && !typed.program.starts_with("ip6tables") {
            continue;
        }
        let words = correct(&typed.words);
        let verb =
            words.iter().position(|word| matches!(word.as_str(), "-A" | "-I" | "--append" | "--insert"));
        let chain = verb.and_then(|at| words.get(at + 1)).cloned();
        // `-I CHAIN 3` has a rule number.
        let behind = verb.map(|at| {
            let rest = &words[(at + 2).min(words.len())..];
            let numbered = rest.first().is_some_and(|word| word.parse::<u32>().is_ok());
            rest[usize::from(numbered)..].to_vec()
        });
        let line = |words: &[String]| typed_words(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let is_other = words != typed.words;
        refused.push(Refused {
            ns: typed.ns.clone(),
            command: typed.command.command.clone(),
            words: complaint(said).to_string(),
            chain,
            corrected: behind.filter(|_| is_other).map(|words| line(&words)),
            fix: is_other.then(|| format!("{} {}", typed.program, line(&words))),
        });
    }
    refused
}

/// Returns the first line of a tool's message, without its name and version.
fn complaint(said: &str) -> &str {
    let line = said.lines().next().unwrap_or_default().trim();
    let own = line.starts_with("iptables v") || line.starts_with("ip6tables v");
    line.split_once(": ").filter(|_| own).map_or(line, |(_, complaint)| complaint)
}

/// Corrects words that iptables does not accept.
fn correct(words: &[String]) -> Vec<String> {
    let mut words: Vec<String> = words
        .iter()
        .map(|word| match word.as_str() {
            "-dport" | "--port" | "-port" | "--dest-port" => "--dport".into(),
            "-sport" => "--sport".into(),
            "-ctstate" => "--ctstate".into(),
            other => {
                let capitals = other.to_uppercase();
                if CAPITALS.contains(&capitals.as_str()) { capitals } else { other.into() }
            }
        })
        .collect();
    let is_port = |word: &String| matches!(word.as_str(), "--dport" | "--sport" | "--dports" | "--sports");
    let proto = words.iter().position(|word| matches!(word.as_str(), "-p" | "--protocol" | "--proto"));
    if let Some(port) = words.iter().position(is_port) {
        match proto {
            // The protocol has to come before the port.
            Some(at) if at > port && at + 1 < words.len() => {
                let moved: Vec<String> = words.drain(at..at + 2).collect();
                words.splice(port..port, moved);
            }
            Some(at) if words.get(at + 1).is_some_and(|word| word == "all" || word == "ip") => {
                words[at + 1] = "tcp".into();
            }
            Some(_) => {}
            None => {
                words.splice(port..port, ["-p".to_string(), "tcp".into()]);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Place;

    #[test]
    fn what_iptables_refuses_is_corrected() {
        let fix = |command: &str| {
            let failed = Some("iptables v1.8.9: no\nmore".into());
            let refused = rules(&[LabCommand { place: Place::default(), command: command.into(), failed }]);
            refused[0].fix.clone()
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(
            fix("ip netns exec blue iptables -A INPUT --dport 80 -j ACCEPT"),
            some("iptables -A INPUT -p tcp --dport 80 -j ACCEPT")
        );
        assert_eq!(
            fix("iptables -A input --dport 80 -p udp -j accept"),
            some("iptables -A INPUT -p udp --dport 80 -j ACCEPT")
        );
        assert_eq!(fix("iptables -A FOO -j ACCEPT"), None);
    }

    #[test]
    fn a_complaint_is_told_without_a_version() {
        assert_eq!(complaint("iptables v1.8.9 (nf_tables): unknown option\nmore"), "unknown option");
        assert_eq!(complaint("Bad argument: x"), "Bad argument: x");
    }
}
