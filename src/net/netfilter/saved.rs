//! Parsers of the output of `iptables-save` and similar tools.

use super::snapshot::Counters;
use std::collections::BTreeMap;

/// A rule, or a chain's policy, as it was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub table: String,
    pub chain: String,
    /// Its number in the chain, from 1; `None` for the policy.
    pub number: Option<usize>,
    /// The words after `-A CHAIN`; for a policy, its name.
    pub spec: String,
    pub counters: Option<Counters>,
}

/// Parses the output of `iptables-save -c`, and of tools with the same format.
///
/// ```text
/// *filter
/// :INPUT ACCEPT [0:0]
/// [0:0] -A INPUT -p icmp -j DROP
/// ```
pub(super) fn read(text: &str) -> Vec<Saved> {
    let mut saved: Vec<Saved> = Vec::new();
    let mut table = String::new();
    let mut numbers: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            table = name.into();
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            let (Some(chain), Some(policy)) = (words.next(), words.next()) else { continue };
            // A user-defined chain has no policy.
            if policy != "-" {
                saved.push(Saved {
                    table: table.clone(),
                    chain: chain.into(),
                    number: None,
                    spec: policy.into(),
                    counters: words.next().and_then(counters),
                });
            }
        } else {
            let (counters, rule) = match line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
                Some((counts, rule)) => (counters(counts), rule),
                None => (None, line),
            };
            let Some(rule) = rule.strip_prefix("-A ") else { continue };
            let (chain, spec) = rule.split_once(' ').unwrap_or((rule, ""));
            let number = numbers.entry((table.clone(), chain)).or_default();
            *number += 1;
            saved.push(Saved {
                table: table.clone(),
                chain: chain.into(),
                number: Some(*number),
                spec: spec.trim().into(),
                counters,
            });
        }
    }
    saved
}

impl Saved {
    /// Tells whether it is a rule of this chain.
    pub fn is_rule_of(&self, table: &str, chain: &str) -> bool {
        self.number.is_some() && self.table == table && self.chain == chain
    }
}

fn counters(text: &str) -> Option<Counters> {
    let (packets, bytes) = text.trim_matches(['[', ']']).split_once(':')?;
    Some(Counters { packets: packets.parse().ok()?, bytes: bytes.parse().ok()? })
}

/// Parses the output of legacy `arptables -L -n -v --line-numbers` for one
/// table.
///
/// ```text
/// Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
/// 1 -j DROP -i * -o * -s 10.0.0.1 , pcnt=0 -- bcnt=0
/// ```
pub(super) fn read_arptables(text: &str, table: &str) -> Vec<Saved> {
    let mut saved = Vec::new();
    let mut chain = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix("Chain ") {
            let (name, rest) = head.split_once(' ').unwrap_or((head, ""));
            chain = name.into();
            let words: Vec<&str> = rest.trim_matches(['(', ')']).split_whitespace().collect();
            if let ["policy", policy, packets, _, bytes, ..] = words[..] {
                saved.push(Saved {
                    table: table.into(),
                    chain: name.into(),
                    number: None,
                    spec: policy.into(),
                    counters: pair(packets, bytes),
                });
            }
        } else if let Some((number, rule)) = line.split_once(' ')
            && let Ok(number) = number.parse()
        {
            let (rule, counts) = rule.rsplit_once(" , ").unwrap_or((rule, ""));
            let spec = rule.replace(" -i *", "").replace(" -o *", "");
            saved.push(numbered(table, &chain, number, &spec, counts));
        }
    }
    saved
}

/// Parses the output of legacy `ebtables -L --Ln --Lc` for one table.
///
/// ```text
/// Bridge chain: FORWARD, entries: 1, policy: ACCEPT
/// 1. -p IPv4 --ip-proto icmp -j DROP , pcnt = 1 -- bcnt = 84
/// ```
pub(super) fn read_ebtables(text: &str, table: &str) -> Vec<Saved> {
    let mut saved = Vec::new();
    let mut chain = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix("Bridge chain: ") {
            let mut parts = head.split(", ");
            chain = parts.next().unwrap_or_default().into();
            if let Some(policy) = parts.find_map(|part| part.strip_prefix("policy: ")) {
                saved.push(Saved {
                    table: table.into(),
                    chain: chain.clone(),
                    number: None,
                    spec: policy.into(),
                    counters: None,
                });
            }
        } else if let Some((number, rule)) = line.split_once(". ")
            && let Ok(number) = number.trim().parse()
        {
            let (rule, counts) = rule.rsplit_once(", pcnt").unwrap_or((rule, ""));
            saved.push(numbered(table, &chain, number, rule, counts));
        }
    }
    saved
}

/// A rule with its number, and with counters in the form `pcnt = 1 -- bcnt =
/// 84`.
fn numbered(table: &str, chain: &str, number: usize, spec: &str, counts: &str) -> Saved {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let counters =
        counts.split_once("--").and_then(|(packets, bytes)| pair(&digits(packets), &digits(bytes)));
    Saved {
        table: table.into(),
        chain: chain.into(),
        number: Some(number),
        spec: spec.split_whitespace().collect::<Vec<_>>().join(" "),
        counters,
    }
}

fn pair(packets: &str, bytes: &str) -> Option<Counters> {
    Some(Counters { packets: packets.parse().ok()?, bytes: bytes.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(saved: &[Saved]) -> Vec<String> {
        let row = |one: &Saved| {
            let packets = one.counters.map(|counters| counters.packets);
            format!("{} {} {:?} {} {packets:?}", one.table, one.chain, one.number, one.spec)
        };
        saved.iter().map(row).collect()
    }

    #[test]
    fn rules_are_counted_within_their_chain() {
        let text = "# Generated\n*filter\n:INPUT DROP [3:9]\n:FOO - [0:0]\n[1:84] -A INPUT -p icmp -j DROP\n\
                    -A FOO -j DROP\n[0:0] -A INPUT -j FOO\nCOMMIT\n*nat\n[0:0] -A INPUT -j ACCEPT\n";
        assert_eq!(
            told(&read(text)),
            [
                "filter INPUT None DROP Some(3)",
                "filter INPUT Some(1) -p icmp -j DROP Some(1)",
                "filter FOO Some(1) -j DROP None",
                "filter INPUT Some(2) -j FOO Some(0)",
                "nat INPUT Some(1) -j ACCEPT Some(0)",
            ]
        );
    }

    #[test]
    fn the_old_arptables_says_everywhere_what_is_anything() {
        let text = "Chain INPUT (policy ACCEPT 4 packets, 112 bytes)\n\
                    1 -j DROP -i * -o * -s 10.0.0.1 , pcnt=2 -- bcnt=56 \n\nChain foo (1 references)\n\
                    1 -j DROP -i * -o * , pcnt=0 -- bcnt=0 \n";
        assert_eq!(
            told(&read_arptables(text, "filter")),
            [
                "filter INPUT None ACCEPT Some(4)",
                "filter INPUT Some(1) -j DROP -s 10.0.0.1 Some(2)",
                "filter foo Some(1) -j DROP Some(0)",
            ]
        );
    }

    #[test]
    fn the_old_ebtables_counts_no_policy() {
        let text = "Bridge table: filter\n\nBridge chain: FORWARD, entries: 1, policy: DROP\n\
                    1. -p IPv4 --ip-proto icmp -j DROP , pcnt = 7 -- bcnt = 588\n";
        assert_eq!(
            told(&read_ebtables(text, "filter")),
            [
                "filter FORWARD None DROP None",
                "filter FORWARD Some(1) -p IPv4 --ip-proto icmp -j DROP Some(7)"
            ]
        );
    }
}
