//! Raw listings from the kernel, for objects that no crate can parse.

use crate::net::kernel::netlink::{open, retry, send};
use rtnetlink::sys::Socket;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) use crate::net::kernel::nfnetlink::{attributes, find, text};

/// Larger than any packet of answers from the kernel.
const PACKET: usize = 64 * 1024;

/// A netlink socket in this thread's current namespace.
pub(super) struct Raw {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Raw {
    /// Opens the socket; `None` if the kernel lacks this part.
    pub fn open(protocol: isize) -> Option<Self> {
        Some(Self { socket: open(protocol).ok()?, buffer: Vec::with_capacity(PACKET) })
    }

    /// The bodies of all objects of a kind; none if the kernel refuses.
    pub fn dump(&mut self, kind: u16, body: &[u8]) -> Vec<Vec<u8>> {
        self.ask(kind, libc::NLM_F_DUMP as u16, body)
    }

    /// The body of one object.
    pub fn get(&mut self, kind: u16, body: &[u8]) -> Option<Vec<u8>> {
        self.ask(kind, 0, body).pop()
    }

    fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> Vec<Vec<u8>> {
        let mut packet = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
        packet.extend(kind.to_ne_bytes());
        packet.extend((flags | libc::NLM_F_REQUEST as u16).to_ne_bytes());
        packet.extend([0; 8]);
        packet.extend(body);
        let mut found = Vec::new();
        if send(&self.socket, &packet).is_err() {
            return found;
        }
        loop {
            self.buffer.clear();
            if retry(|| self.socket.recv(&mut self.buffer, 0)).is_err() {
                return found;
            }
            let mut rest = &self.buffer[..];
            while let Some(length) = number(rest, 0) {
                let kind = rest.get(4..6).map_or(0, |kind| u16::from_ne_bytes([kind[0], kind[1]]));
                let many = rest.get(6).is_some_and(|flags| flags & libc::NLM_F_MULTI as u8 != 0);
                let Some(body) = rest.get(16..length as usize) else { return found };
                match i32::from(kind) {
                    libc::NLMSG_DONE | libc::NLMSG_ERROR => return found,
                    _ => found.push(body.to_vec()),
                }
                if !many {
                    return found;
                }
                rest = rest.get((length as usize).next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// The 32-bit number at this offset, in host byte order.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The 16-bit number at this offset, in network byte order.
pub(super) fn port(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// The number in the attribute of this kind, in host byte order.
pub(super) fn value(bytes: &[u8], kind: u16) -> Option<u32> {
    let value = find(bytes, kind)?;
    match *value {
        [one] => Some(one.into()),
        [a, b] => Some(u16::from_ne_bytes([a, b]).into()),
        _ => number(value, 0),
    }
}

/// The address at this offset, from a union of both families.
pub(super) fn address(bytes: &[u8], at: usize, family: u16) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => {
            let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(Ipv4Addr::from(four).into())
        }
        libc::AF_INET6 => {
            let sixteen: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
            Some(Ipv6Addr::from(sixteen).into())
        }
        _ => None,
    }
}
