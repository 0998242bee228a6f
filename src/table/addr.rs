use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An address of an interface: an `inet` or `inet6` line of `ip addr`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addr {
    /// The interface.
    pub dev: String,
    /// The address with its prefix length, as `192.168.15.1/24`.
    pub addr: String,
    /// `global`, `link`, `host`, `site`, or a number.
    pub scope: String,
    /// The broadcast address.
    pub broadcast: Option<String>,
}

impl Row for Addr {
    const FIELDS: &'static [&'static str] = &["dev", "addr", "scope", "broadcast"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.dev.clone()),
            Value::Text(self.addr.clone()),
            Value::Text(self.scope.clone()),
            Value::text(&self.broadcast),
        ]
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.addr.contains(':') { "inet6" } else { "inet" };
        write!(f, "{family} {}", self.addr)?;
        if let Some(broadcast) = &self.broadcast {
            write!(f, " brd {broadcast}")?;
        }
        write!(f, " scope {} {}", self.scope, self.dev)
    }
}
