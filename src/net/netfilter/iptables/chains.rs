//! The built-in chains of iptables.

use crate::net::netfilter::ruleset::Chain;

/// A chain as iptables creates it, with the kernel's numbers (`nf_inet_hooks`,
/// `nf_ip_hook_priorities`).
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct BuiltIn {
    pub table: &'static str,
    pub chain: &'static str,
    /// Its chain type in nf_tables.
    pub kind: &'static str,
    /// The hook's name, and its number.
    pub hook: &'static str,
    pub number: u32,
    pub priority: i32,
}

/// Shortens the table below.
const fn chain(
    table: &'static str,
    chain: &'static str,
    kind: &'static str,
    (hook, number): (&'static str, u32),
    priority: i32,
) -> BuiltIn {
    BuiltIn { table, chain, kind, hook, number, priority }
}

const PREROUTING: (&str, u32) = ("prerouting", 0);
const INPUT: (&str, u32) = ("input", 1);
const FORWARD: (&str, u32) = ("forward", 2);
const OUTPUT: (&str, u32) = ("output", 3);
const POSTROUTING: (&str, u32) = ("postrouting", 4);

const ALL: [BuiltIn; 17] = [
    chain("raw", "PREROUTING", "filter", PREROUTING, -300),
    chain("raw", "OUTPUT", "filter", OUTPUT, -300),
    chain("mangle", "PREROUTING", "filter", PREROUTING, -150),
    chain("mangle", "INPUT", "filter", INPUT, -150),
    chain("mangle", "FORWARD", "filter", FORWARD, -150),
    chain("mangle", "OUTPUT", "route", OUTPUT, -150),
    chain("mangle", "POSTROUTING", "filter", POSTROUTING, -150),
    chain("nat", "PREROUTING", "nat", PREROUTING, -100),
    chain("nat", "INPUT", "nat", INPUT, 100),
    chain("nat", "OUTPUT", "nat", OUTPUT, -100),
    chain("nat", "POSTROUTING", "nat", POSTROUTING, 100),
    chain("filter", "INPUT", "filter", INPUT, 0),
    chain("filter", "FORWARD", "filter", FORWARD, 0),
    chain("filter", "OUTPUT", "filter", OUTPUT, 0),
    chain("security", "INPUT", "filter", INPUT, 50),
    chain("security", "FORWARD", "filter", FORWARD, 50),
    chain("security", "OUTPUT", "filter", OUTPUT, 50),
];

/// The chain of this name in a table; `None` if iptables has no such chain.
pub(in super::super) fn built_in(table: &str, chain: &str) -> Option<&'static BuiltIn> {
    ALL.iter().find(|one| one.table == table && one.chain == chain)
}

/// Tells whether iptables has a table of this name.
pub(super) fn is_table(table: &str) -> bool {
    ALL.iter().any(|one| one.table == table)
}

/// Tells whether a chain is as iptables creates it. A base chain must have the
/// built-in name, type, hook and priority; any other chain must be in one of its
/// tables.
pub(super) fn fits(chain: &Chain) -> bool {
    match &chain.base {
        Some(base) => built_in(&chain.table, &chain.name).is_some_and(|own| {
            own.kind == base.kind && (own.number, own.priority) == (base.hook, base.priority)
        }),
        None => is_table(&chain.table) && built_in(&chain.table, &chain.name).is_none(),
    }
}
