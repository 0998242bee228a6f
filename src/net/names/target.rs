//! The destination of a packet, as sockets take it.

use nix::sys::socket::{AddressFamily, SockaddrStorage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// A destination with the interface that a link-local address needs.
#[derive(Clone, Copy)]
pub(in crate::net) struct Target {
    pub ip: IpAddr,
    pub scope: u32,
}

pub(in crate::net) fn address(target: Target, port: u16) -> SockaddrStorage {
    match target.ip {
        IpAddr::V4(ip) => SocketAddrV4::new(ip, port).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, target.scope).into(),
    }
}

/// The unspecified address of the same family.
pub(in crate::net) fn any(target: Target) -> Target {
    let ip = match target.ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Target { ip, scope: 0 }
}

pub(in crate::net) fn family(target: Target) -> AddressFamily {
    if target.ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
