//! Reads and writes rules of iptables and ip6tables in nf_tables, without these
//! tools.
//!
//! A rule has three forms: the text that one types and that `iptables-save`
//! prints (`words`), the kernel's expressions (`kernel`), and an
//! [`IptablesRule`]. Each form converts to the others. So a rule is shown and
//! repaired in iptables' words whether or not iptables is installed. If a rule
//! has any part that is not known here exactly, this code does not guess: only
//! iptables itself shows it.

mod applet;
mod chains;
mod extension;
mod kernel;
mod words;

pub(in crate::net) use applet::IptablesCommand;
pub(super) use chains::{BuiltIn, built_in};

use super::packet::Condition;
use super::ruleset::{Chain, Spoken};
use super::saved::Saved;
use crate::net::Family;
use extension::Extension;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IptablesRule {
    family: Family,
    /// The conditions of the IP header: addresses, interfaces, protocol,
    /// fragments. In the order in which iptables writes them.
    header: Vec<Condition>,
    /// Further conditions, in the order in which they were typed.
    matches: Vec<Match>,
    target: Target,
}

/// A condition that iptables writes with `-m`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    /// A port, the state of a connection, or a local destination.
    Is(Condition),
    Extension(Extension),
}

/// The verdict on the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Accept,
    Drop,
    Return,
    /// It continues in a user-defined chain (`-j`).
    Jump(String),
    /// The same, without returning (`-g`).
    Goto(String),
    Extension(Extension),
}

/// The output of `iptables-save` for one family, for the tables whose rules are
/// all supported here. The family's other tables need iptables itself.
pub(super) struct Told {
    pub saved: Vec<Saved>,
    /// The iptables tables that have an unsupported rule.
    pub unknown: Vec<String>,
}

/// Formats the rules of a family's tables in iptables' words.
pub(super) fn tell<'a>(
    family: Family,
    chains: impl Iterator<Item = &'a (Chain, Vec<Spoken>)> + Clone,
) -> Told {
    let mut told = Told { saved: Vec::new(), unknown: Vec::new() };
    let mut tables: Vec<&str> = chains.clone().map(|(chain, _)| chain.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    for table in tables {
        let of_table = chains.clone().filter(|(chain, _)| chain.table == table);
        // iptables ignores a table that does not look like its own.
        if !of_table.clone().all(|(chain, _)| chains::fits(chain)) {
            continue;
        }
        match of_table.map(|(chain, rules)| saved(family, chain, rules)).collect::<Option<Vec<_>>>() {
            Some(saved) => told.saved.extend(saved.into_iter().flatten()),
            None => told.unknown.push(table.into()),
        }
    }
    told
}

/// A chain's policy and rules, if all of them are supported here.
fn saved(family: Family, chain: &Chain, rules: &[Spoken]) -> Option<Vec<Saved>> {
    let row = |number, spec| Saved {
        table: chain.table.clone(),
        chain: chain.name.clone(),
        number,
        spec,
        counters: None,
    };
    let policy = chain.policy().map(|policy| row(None, policy.to_uppercase()));
    let rules = rules.iter().enumerate().map(|(index, rule)| {
        let known = IptablesRule::read(family, &rule.expressions).filter(|_| rule.plain)?;
        Some(row(Some(index + 1), known.spec()))
    });
    policy.into_iter().map(Some).chain(rules).collect()
}

#[cfg(test)]
mod tests {
    use super::super::measured;
    use super::*;
    use std::process::Command;

    /// Rules of IPv4 as they are typed: the table, the chain, and what follows.
    const TYPED: [(&str, &str, &str); 24] = [
        ("filter", "INPUT", "-s 10.0.0.1 -p icmp --icmp-type echo-request -j DROP"),
        ("filter", "INPUT", "-p icmp -m icmp ! --icmp-type 3/4 -j DROP"),
        ("filter", "FORWARD", "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"),
        ("filter", "FORWARD", "-m conntrack --ctstate NEW,INVALID,UNTRACKED -j DROP"),
        (
            "filter",
            "FORWARD",
            "-i a -o b+ ! -s 10.0.0.0/20 -d 10.9.0.0/16 -p tcp --dport 80:90 --sport 1024 -j ACCEPT",
        ),
        ("filter", "FORWARD", "! -i a ! -p udp -j RETURN"),
        ("filter", "FORWARD", "-p udp ! --dport 53 -m conntrack --ctstate NEW -j REJECT"),
        ("filter", "FORWARD", "-p tcp -m conntrack --ctstate NEW --dport 80 -j ACCEPT"),
        ("filter", "INPUT", "-p tcp --dport 80 -j REJECT --reject-with tcp-reset"),
        ("filter", "OUTPUT", "-o lo -j REJECT --reject-with icmp-admin-prohibited"),
        ("filter", "INPUT", "-f -j DROP"),
        ("filter", "INPUT", "! -f -p gre -j ACCEPT"),
        ("filter", "INPUT", "-m iprange --src-range 10.20.0.10-10.20.0.50 -j ACCEPT"),
        ("filter", "INPUT", "-m iprange ! --dst-range 10.20.0.10-10.20.0.50 -j ACCEPT"),
        ("filter", "INPUT", "-p tcp -m multiport --dports 22,80:90 -j ACCEPT"),
        ("nat", "PREROUTING", "-p tcp --dport 80 -j DNAT --to-destination 10.5.0.20:8080"),
        (
            "nat",
            "OUTPUT",
            "-p tcp -m addrtype --dst-type LOCAL --dport 80 -j DNAT --to-destination 10.5.0.20",
        ),
        ("nat", "POSTROUTING", "-p udp -j SNAT --to-source 10.0.0.1:1000-2000"),
        ("nat", "POSTROUTING", "-s 10.0.0.0/24 -o w -j MASQUERADE"),
        ("nat", "PREROUTING", "-p tcp --dport 81 -j REDIRECT --to-ports 8080"),
        ("mangle", "PREROUTING", "-j MARK --set-mark 51"),
        ("mangle", "FORWARD", "-i lan0 -j TTL --ttl-set 1"),
        ("raw", "PREROUTING", "-s 192.168.1.7/24 -j CT --notrack"),
        ("raw", "OUTPUT", "-j CT --zone 7"),
    ];

    fn parsed(spec: &str) -> IptablesRule {
        let words: Vec<String> = spec.split_whitespace().map(String::from).collect();
        IptablesRule::parse(Family::Inet, &words).unwrap_or_else(|| panic!("not read: {spec}"))
    }

    #[test]
    fn a_rule_comes_back_from_the_kernels_words_as_it_was() {
        for (.., spec) in TYPED {
            let rule = parsed(spec);
            let read = IptablesRule::read(Family::Inet, rule.expressions().as_bytes());
            assert_eq!(read.as_ref(), Some(&rule), "{spec}");
            assert_eq!(parsed(&rule.spec()), rule, "{spec}");
        }
    }

    #[test]
    fn iptables_itself_prints_it_so() {
        let typed: Vec<String> = TYPED
            .iter()
            .map(|(table, chain, spec)| format!("iptables-nft -t {table} -A {chain} {spec}"))
            .collect();
        let script = format!("PATH=$PATH:/usr/sbin:/sbin\nset -e\n{}\niptables-nft-save", typed.join("\n"));
        let output = Command::new("unshare").args(["-rn", "sh", "-c", &script]).output();
        let output = output.ok().filter(|output| output.status.success());
        let Some(output) = output else {
            return measured::skip("there is no iptables-nft here, or no namespace for it");
        };
        let printed = String::from_utf8_lossy(&output.stdout);
        let theirs: Vec<(String, String)> = super::super::saved::read(&printed)
            .into_iter()
            .filter(|one| one.number.is_some())
            .map(|one| (format!("{} {}", one.table, one.chain), one.spec))
            .collect();
        for (table, chain, spec) in TYPED {
            let own = (format!("{table} {chain}"), parsed(spec).spec());
            assert!(theirs.contains(&own), "{own:?} of {spec}\nis not in {theirs:#?}");
        }
        assert_eq!(theirs.len(), TYPED.len());
    }
}
