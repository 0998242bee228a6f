use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The origin of an entry in a bridge's forwarding database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FdbState {
    /// Learned from a frame that came in at the port; it expires.
    Learned,
    /// Set by hand.
    Static,
    /// The port's own address.
    Permanent,
}

impl fmt::Display for FdbState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Learned => "learned",
            Self::Static => "static",
            Self::Permanent => "permanent",
        })
    }
}

/// An entry of a bridge's forwarding database: a line of `bridge fdb`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbEntry {
    /// The hardware address.
    pub mac: String,
    /// The port that leads to it.
    pub port: String,
    /// The origin of the entry.
    pub state: FdbState,
}

impl Row for FdbEntry {
    const FIELDS: &'static [&'static str] = &["mac", "port", "state"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.mac.clone()),
            Value::Text(self.port.clone()),
            Value::Text(self.state.to_string()),
        ]
    }
}

impl fmt::Display for FdbEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {} {}", self.mac, self.port, self.state)
    }
}
