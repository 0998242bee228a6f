use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A process of the lab: a line of `ps`.
///
/// The kernel chooses the PIDs, so the line of text has only the PID in a PID
/// namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Its PID in the sandbox.
    pub pid: i64,
    /// Its PID in its own PID namespace.
    pub ns_pid: i64,
    /// The command and its arguments.
    pub command: String,
    /// Whether it has a PID namespace of its own.
    pub nested: bool,
}

impl Row for ProcessRow {
    const FIELDS: &'static [&'static str] = &["pid", "ns_pid", "command"];

    fn values(&self) -> Vec<Value> {
        vec![Value::Number(self.pid), Value::Number(self.ns_pid), Value::Text(self.command.clone())]
    }
}

impl fmt::Display for ProcessRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nested {
            true => write!(f, "{} {}", self.ns_pid, self.command),
            false => write!(f, "- {}", self.command),
        }
    }
}
