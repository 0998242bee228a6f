//! Rules of iptables and ip6tables, as these keep them in nf_tables: read and
//! written without them.
//!
//! A rule goes both ways between its three forms: what one types and
//! `iptables-save` prints (`words`), the kernel's expressions (`kernel`), and
//! a [`Rule`]. So a rule is told and mended in iptables' words whether or not
//! iptables is installed. What is not known here to the last bit is nobody's
//! guess: then only iptables itself tells.

mod applet;
mod chains;
mod extension;
mod kernel;
mod words;

pub(in crate::net) use applet::IptablesCommand;
pub(super) use chains::{BuiltIn, built_in};

use super::super::Family;
use super::packet::Condition;
use super::ruleset::{Chain, Spoken};
use super::saved::Saved;
use extension::Extension;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    family: Family,
    /// What every packet has: addresses, interfaces, protocol, fragments. In
    /// the order in which iptables writes them.
    header: Vec<Condition>,
    /// Further conditions, in the order in which they were typed.
    matches: Vec<Match>,
    target: Target,
}

/// A condition that iptables knows by a `-m`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    /// A port, the state of a connection, or a local destination.
    Is(Condition),
    Extension(Extension),
}

/// What becomes of the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Accept,
    Drop,
    Return,
    /// It goes on in a chain of one's own (`-j`).
    Jump(String),
    /// The same, and does not come back (`-g`).
    Goto(String),
    Extension(Extension),
}

/// What `iptables-save` says of the rules of one family, as far as all rules of
/// a table are known here; the others of the family's tables have to be asked
/// for.
pub(super) struct Told {
    pub saved: Vec<Saved>,
    /// The tables of iptables that have a rule which is not known here.
    pub unknown: Vec<String>,
}

/// Tells the rules of a family's tables in iptables' words.
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
        // Of a table that is not as iptables makes it, iptables says nothing.
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

/// A chain's policy and rules, where all of them are known here.
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
        let known = Rule::read(family, &rule.expressions).filter(|_| rule.plain)?;
        Some(row(Some(index + 1), known.spec()))
    });
    policy.into_iter().map(Some).chain(rules).collect()
}
