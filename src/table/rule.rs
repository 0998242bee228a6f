use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A rule that chooses a routing table: a line of `ip rule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRow {
    /// The priority; smaller ones come first.
    pub pref: u32,
    /// `all`, or the source of the packets.
    pub from: String,
    /// The destination of the packets.
    pub to: Option<String>,
    /// The incoming interface.
    pub iif: Option<String>,
    /// The firewall's mark, as `0x1` or `0x1/0xff`.
    pub fwmark: Option<String>,
    /// The table to look up: `main`, `local`, `default`, or a number.
    pub table: Option<String>,
    /// `lookup`, `prohibit`, `unreachable`, `blackhole`, `goto 100`, `nop`.
    pub action: String,
    /// Whether the match is inverted.
    pub not: bool,
    /// Further words that `ip` prints before the action, such as `oif eth0`.
    pub more: Vec<String>,
    /// Further words that `ip` prints after it.
    pub end: Vec<String>,
}

impl Row for RuleRow {
    const FIELDS: &'static [&'static str] = &["pref", "from", "to", "iif", "fwmark", "table", "action"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Number(self.pref.into()),
            Value::Text(self.from.clone()),
            Value::text(&self.to),
            Value::text(&self.iif),
            Value::text(&self.fwmark),
            Value::text(&self.table),
            Value::Text(self.action.clone()),
        ]
    }
}

impl fmt::Display for RuleRow {
    /// Formats it as `ip rule` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:\t{}from {}", self.pref, if self.not { "not " } else { "" }, self.from)?;
        for (word, value) in [("to", &self.to), ("fwmark", &self.fwmark), ("iif", &self.iif)] {
            if let Some(value) = value {
                write!(f, " {word} {value}")?;
            }
        }
        for word in &self.more {
            write!(f, " {word}")?;
        }
        write!(f, " {}", self.action)?;
        if let Some(table) = &self.table {
            write!(f, " {table}")?;
        }
        self.end.iter().try_for_each(|word| write!(f, " {word}"))
    }
}
