use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A hop on a path: a line of `traceroute -n -q1`, without the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The TTL of the probe.
    pub ttl: u8,
    /// The address that answered; without an answer, the line has a `*`.
    pub addr: Option<String>,
    /// The error that ends the path: `!H` for an unreachable host, `!N` for an
    /// unreachable network, `!X` for a prohibited one (traceroute(8)).
    pub error: Option<String>,
}

impl Row for Hop {
    const FIELDS: &'static [&'static str] = &["ttl", "addr", "error"];

    fn values(&self) -> Vec<Value> {
        vec![Value::Number(self.ttl.into()), Value::text(&self.addr), Value::text(&self.error)]
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:2}  {}", self.ttl, self.addr.as_deref().unwrap_or("*"))?;
        match &self.error {
            Some(error) => write!(f, " {error}"),
            None => Ok(()),
        }
    }
}
