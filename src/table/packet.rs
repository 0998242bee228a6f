use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A captured packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Its number, from 1.
    pub n: u32,
    /// The sender: its address, or its hardware address if there is no other.
    pub src: String,
    /// The receiver.
    pub dst: String,
    /// `ARP`, `ICMP`, `ICMPv6`, `TCP`, `UDP`, `DNS`, `DHCP`, `VXLAN`, …
    pub proto: String,
    /// The contents, in tcpdump's words, without the kernel's choices and
    /// counters.
    pub info: String,
    /// The link at which it was seen, and `In` or `Out`, if all links were
    /// captured.
    pub at: Option<String>,
}

impl Row for Packet {
    const FIELDS: &'static [&'static str] = &["n", "src", "dst", "proto", "info", "at"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Number(self.n.into()),
            Value::Text(self.src.clone()),
            Value::Text(self.dst.clone()),
            Value::Text(self.proto.clone()),
            Value::Text(self.info.clone()),
            Value::text(&self.at),
        ]
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.n)?;
        if let Some(at) = &self.at {
            write!(f, "{at} ")?;
        }
        write!(f, "{} > {} {} {}", self.src, self.dst, self.proto, self.info)
    }
}
