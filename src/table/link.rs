use super::{Row, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of a link, as `ip link` prints it (the operational states of RFC
/// 2863, in the kernel's spelling).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LinkState {
    /// Set up, with a carrier.
    Up,
    /// Set down, or without a carrier.
    Down,
    /// Set up, but its lower device, or the other end, is not.
    LowerLayerDown,
    /// Waiting for an event, such as the end of an authentication.
    Dormant,
    /// In a test mode.
    Testing,
    /// The device is not there.
    NotPresent,
    /// The driver does not report it, as `lo` that is up.
    #[default]
    Unknown,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::LowerLayerDown => "LOWERLAYERDOWN",
            Self::Dormant => "DORMANT",
            Self::Testing => "TESTING",
            Self::NotPresent => "NOTPRESENT",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// A network interface: a row of `ip link`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The interface name.
    pub name: String,
    /// The driver's name: `veth`, `bridge`, `macvlan`, or `loopback`.
    pub kind: String,
    /// The hardware address.
    pub mac: String,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// The operational state.
    pub state: LinkState,
    /// The bridge whose port it is.
    pub master: Option<String>,
    /// The other end of a veth, or the parent of a macvlan.
    pub peer: Option<String>,
    /// Addresses with their prefix length, IPv4 first.
    pub addrs: Vec<String>,
}

impl Row for Link {
    const FIELDS: &'static [&'static str] =
        &["name", "kind", "mac", "mtu", "state", "master", "peer", "addrs"];

    fn values(&self) -> Vec<Value> {
        vec![
            Value::Text(self.name.clone()),
            Value::Text(self.kind.clone()),
            Value::Text(self.mac.clone()),
            Value::Number(self.mtu.into()),
            Value::Text(self.state.to_string()),
            Value::text(&self.master),
            Value::text(&self.peer),
            Value::List(self.addrs.clone()),
        ]
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(peer) = &self.peer {
            write!(f, "@{peer}")?;
        }
        write!(f, ": mtu {}", self.mtu)?;
        if let Some(master) = &self.master {
            write!(f, " master {master}")?;
        }
        write!(f, " state {} {} {}", self.state, self.kind, self.mac)?;
        if !self.addrs.is_empty() {
            write!(f, " {}", self.addrs.join(" "))?;
        }
        Ok(())
    }
}
