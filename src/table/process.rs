use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A process of the lab: a line of `ps`.
///
/// Which pid a process gets is the kernel's choice, so that the line of text
/// has only the one that a pid namespace of its own gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Its pid in the sandbox.
    pub pid: i64,
    /// Its pid in its own pid namespace.
    pub ns_pid: i64,
    /// The command and its arguments.
    pub command: String,
    /// Whether it is in a pid namespace of its own.
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
