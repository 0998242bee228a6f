//! Netlink by hand: messages packed byte by byte, one request at a time
//! (netlink(7), rtnetlink(7)).

use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The bytes of `struct nlmsghdr`.
const HEADER: usize = 16;
/// More than the kernel puts into one datagram.
const BUFFER: usize = 32 * 1024;

/// A socket in the network namespace in which it was opened.
pub struct Netlink(OwnedFd);

impl Netlink {
    pub fn open(protocol: SockProtocol) -> io::Result<Self> {
        Ok(Self(socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?))
    }

    /// Asks for a change and waits until the kernel has made it.
    pub fn change(&self, kind: u16, flags: i32, body: &[u8]) -> io::Result<()> {
        self.exchange(&message(kind, flags | libc::NLM_F_ACK, body))
    }

    /// Asks for one object.
    pub fn get(&self, kind: u16, body: &[u8]) -> io::Result<()> {
        self.exchange(&message(kind, 0, body))
    }

    /// Sends what has one answer, and reads it.
    pub fn exchange(&self, messages: &[u8]) -> io::Result<()> {
        self.send(messages)?;
        self.receive(|_| ()).map(drop)
    }

    /// Asks for all objects of a kind.
    pub fn dump(&self, kind: u16, body: &[u8], mut see: impl FnMut(&[u8])) -> io::Result<()> {
        self.send(&message(kind, libc::NLM_F_DUMP, body))?;
        while !self.receive(&mut see)? {}
        Ok(())
    }

    fn send(&self, messages: &[u8]) -> io::Result<()> {
        send(self.0.as_raw_fd(), messages, MsgFlags::empty())?;
        Ok(())
    }

    /// Reads one datagram; tells whether a dump ends with it.
    fn receive(&self, mut see: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut buffer = [0; BUFFER];
        let length = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        for (kind, body) in messages(&buffer[..length]) {
            match i32::from(kind) {
                libc::NLMSG_DONE => return Ok(true),
                libc::NLMSG_ERROR => {
                    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                    if code != 0 {
                        return Err(io::Error::from_raw_os_error(-code));
                    }
                }
                _ => see(body),
            }
        }
        Ok(false)
    }
}

/// A request.
pub fn message(kind: u16, flags: i32, body: &[u8]) -> Vec<u8> {
    let length = (HEADER + body.len()) as u32;
    let flags = (libc::NLM_F_REQUEST | flags) as u16;
    // One exchange at a time, so that no sequence number is needed.
    let numbers = [0; 8];
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &numbers, body].concat()
}

/// The messages of a datagram: the type and the body of each.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
        let (header, body) = bytes.get(..length)?.split_at_checked(HEADER)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([header[4], header[5]]), body))
    })
}

/// An attribute; several, concatenated, are the value of a nested one.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(4));
    bytes.extend((length as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

/// `struct ifinfomsg`; an `up` link is to be switched on.
pub fn link(index: i32, up: bool) -> Vec<u8> {
    let flags = if up { libc::IFF_UP } else { 0 };
    let (family, no_type) = ([libc::AF_UNSPEC as u8, 0], [0; 2]);
    let numbers = [index.to_ne_bytes(), flags.to_ne_bytes(), flags.to_ne_bytes()];
    [&family[..], &no_type, &numbers.concat()].concat()
}

/// The IPv4 header of `struct rtmsg`: a route by a gateway, or all routes.
pub fn route() -> [u8; 12] {
    let kind = [libc::RT_TABLE_MAIN, libc::RTPROT_BOOT, libc::RT_SCOPE_UNIVERSE, libc::RTN_UNICAST];
    let mut bytes = [0; 12];
    bytes[0] = libc::AF_INET as u8;
    bytes[4..8].copy_from_slice(&kind);
    bytes
}

/// `struct ifaddrmsg` for IPv4.
pub fn address(index: i32, prefix: u8) -> Vec<u8> {
    let (flags, scope) = (0, libc::RT_SCOPE_UNIVERSE);
    [&[libc::AF_INET as u8, prefix, flags, scope][..], &index.to_ne_bytes()].concat()
}
