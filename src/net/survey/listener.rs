use super::Space;
use super::sockets::serving;
use crate::net::kernel::link_names::LinkNames;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A listening socket: a line of `ss -tuln`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub proto: String,
    /// The address; unspecified for any.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
    /// Whether it is an IPv6 socket that also serves IPv4.
    pub both: bool,
    /// The link to which it is bound.
    pub dev: Option<String>,
}

impl Listener {
    /// Tells whether it takes what is sent to an address.
    pub fn serves(&self, ip: IpAddr) -> bool {
        self.ip == ip || self.ip.is_unspecified() && (self.both || self.ip.is_ipv4() == ip.is_ipv4())
    }
}

/// Reads the listening sockets of this thread's current namespace.
pub(super) fn read(space: &mut Space, names: &LinkNames) {
    let listeners = serving().into_iter().map(|(proto, ip, port, both, device)| Listener {
        proto: proto.into(),
        ip,
        port,
        both,
        dev: (device != 0).then(|| names.name_of(device)),
    });
    space.listeners = listeners.collect();
    space.listeners.sort_by(|a, b| (&a.proto, a.port, a.ip).cmp(&(&b.proto, b.port, b.ip)));
}
