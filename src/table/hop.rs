use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A hop on the way to somebody: a line of `traceroute -n -q1`, but for the
/// time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// After how many hops the probe was to end.
    pub ttl: u8,
    /// Who has answered; nobody, and the line has a `*`.
    pub addr: Option<String>,
    /// What was said, where that is the end: `!H` for a host that can't be
    /// reached, `!N` for a network, `!X` for one that is forbidden
    /// (traceroute(8)).
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
