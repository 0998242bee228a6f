//! A rule in nft's words, part by part.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RulePart {
    /// A comparison of a field with a value: `ip saddr != 10.0.0.0/24`.
    Match {
        /// The field: `tcp dport`; with a mask `ip saddr & 255.0.255.0`.
        field: String,
        /// Empty for equality, or `==`, which nft writes after a mask; otherwise `!=`, `!`,
        /// `<`, ….
        operator: String,
        /// The value, a range, a set in braces, or the name of a set after an `@`.
        value: String,
    },
    /// A condition of another form, in words: `limit rate 1/second`.
    Condition {
        /// Its words.
        condition: String,
    },
    /// An action on a packet that meets the conditions before it: `accept`, `log`,
    /// `meta mark set 0x1`.
    Statement {
        /// Its words.
        statement: String,
    },
}

impl RulePart {
    /// A comparison.
    pub(super) fn compare(field: impl Into<String>, operator: &str, value: impl Into<String>) -> Self {
        Self::Match { field: field.into(), operator: operator.into(), value: value.into() }
    }

    /// A comparison for equality, or its opposite.
    pub(super) fn equal(field: impl Into<String>, not: bool, value: impl Into<String>) -> Self {
        Self::compare(field, if not { "!=" } else { "" }, value)
    }

    /// A condition in words.
    pub(super) fn condition(words: impl Into<String>) -> Self {
        Self::Condition { condition: words.into() }
    }

    /// A statement in words.
    pub(super) fn statement(words: impl Into<String>) -> Self {
        Self::Statement { statement: words.into() }
    }
}

impl fmt::Display for RulePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match { field, operator, value } if operator.is_empty() => write!(f, "{field} {value}"),
            Self::Match { field, operator, value } => write!(f, "{field} {operator} {value}"),
            Self::Condition { condition: words } | Self::Statement { statement: words } => f.write_str(words),
        }
    }
}

/// The words of a rule with these parts.
pub(super) fn words(parts: &[RulePart]) -> String {
    parts.iter().map(RulePart::to_string).collect::<Vec<_>>().join(" ")
}
