use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of a neighbour entry.
///
/// The kernel moves an entry through finer states by timers; these are the ones
/// that do not depend on time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NeighState {
    /// The address is known: REACHABLE, STALE, DELAY or PROBE.
    Resolved,
    /// No answer, or not yet: INCOMPLETE or FAILED.
    Failed,
    /// Set by hand: PERMANENT.
    Permanent,
}

impl fmt::Display for NeighState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolved => "resolved",
            Self::Failed => "failed",
            Self::Permanent => "permanent",
        })
    }
}

/// An entry of the neighbour table (ARP, and ND for IPv6): a line of
/// `ip neigh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The address.
    pub ip: String,
    /// The hardware address, once it is known.
    pub mac: Option<String>,
    /// The interface.
    pub dev: String,
    /// The state of the entry.
    pub state: NeighState,
}

impl Row for Neighbour {
    const FIELDS: &'static [&'static str] = &["ip", "mac", "dev", "state"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.ip.clone()),
            Value::text(&self.mac),
            Value::Text(self.dev.clone()),
            Value::Text(self.state.to_string()),
        ]
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.ip, self.dev)?;
        if let Some(mac) = &self.mac {
            write!(f, " lladdr {mac}")?;
        }
        write!(f, " {}", self.state)
    }
}
