use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A chain of nf_tables, or a rule of one: a line of `nft list ruleset`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallRow {
    /// `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The rule in nft's words, without counters; `None` for the chain itself.
    pub rule: Option<String>,
    /// The verdict on packets that match no rule of the chain, if it is a base
    /// chain.
    pub policy: Option<String>,
    /// The hook of a base chain, in nft's words, in the row of the chain itself.
    pub hook: Option<String>,
}

impl Row for FirewallRow {
    const FIELDS: &'static [&'static str] = &["family", "table", "chain", "rule", "policy"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.family.clone()),
            Value::Text(self.table.clone()),
            Value::Text(self.chain.clone()),
            Value::text(&self.rule),
            Value::text(&self.policy),
        ]
    }
}

impl fmt::Display for FirewallRow {
    /// Formats it as nft's arguments to add it: `ip filter FORWARD { type … }`
    /// for a chain, `ip filter FORWARD tcp dport 80 accept` for a rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)?;
        match (&self.rule, &self.hook) {
            (Some(rule), _) => write!(f, " {rule}"),
            (None, Some(hook)) => {
                write!(f, " {{ {hook}; policy {}; }}", self.policy.as_deref().unwrap_or("accept"))
            }
            (None, None) => Ok(()),
        }
    }
}
