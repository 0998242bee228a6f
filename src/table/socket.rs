use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A socket: a line of `ss -tua`.
///
/// The kernel chooses a client's port, so the line of text does not have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketRow {
    /// `tcp` or `udp`.
    pub proto: String,
    /// The local address and port.
    pub local: String,
    /// The remote address and port.
    pub remote: String,
    /// `LISTEN`, `ESTAB`, `CLOSE-WAIT` or `UNCONN`.
    pub state: String,
    /// Whether the kernel has chosen the local port.
    pub local_chosen: bool,
    /// Whether the kernel has chosen the remote port.
    pub remote_chosen: bool,
}

impl Row for SocketRow {
    const FIELDS: &'static [&'static str] = &["proto", "local", "remote", "state"];

    fn values(&self) -> Vec<Value> {
        let words = [&self.proto, &self.local, &self.remote, &self.state];
        words.into_iter().cloned().map(Value::Text).collect()
    }
}

impl fmt::Display for SocketRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |address: &str, chosen: bool| match address.rsplit_once(':') {
            Some((address, _)) if chosen => format!("{address}:ephemeral"),
            _ => address.to_string(),
        };
        let local = shown(&self.local, self.local_chosen);
        let remote = shown(&self.remote, self.remote_chosen);
        write!(f, "{} {} {local} {remote}", self.proto, self.state)
    }
}
