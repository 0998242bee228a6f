//! One echo request and its answer (RFC 792).

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

/// A raw socket in the network namespace in which it was opened.
pub struct Echo(OwnedFd);

impl Echo {
    const ID: [u8; 2] = *b"W1";
    /// The number of bytes that ping(8) sends.
    const LENGTH: usize = 64;

    pub fn open() -> io::Result<Self> {
        let protocol = SockProtocol::Icmp;
        let socket = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(1, 0))?;
        Ok(Self(socket))
    }

    /// Sends the request and waits for the answer, a second at most.
    pub fn exchange(&self, to: Ipv4Addr, sequence: u16) -> io::Result<()> {
        const REQUEST: u8 = 8;
        const REPLY: u8 = 0;
        let mut request = [0; Self::LENGTH];
        request[0] = REQUEST;
        request[4..6].copy_from_slice(&Self::ID);
        request[6..8].copy_from_slice(&sequence.to_be_bytes());
        let sum = checksum(&request);
        request[2..4].copy_from_slice(&sum);
        let place = SockaddrIn::from(SocketAddrV4::new(to, 0));
        sendto(self.0.as_raw_fd(), &request, &place, MsgFlags::empty())?;
        let mut packet = [0; 2048];
        loop {
            let length = recv(self.0.as_raw_fd(), &mut packet, MsgFlags::empty())
                .map_err(|errno| io::Error::other(format!("{to} did not answer: {}", errno.desc())))?;
            // The IP header comes along, its length in words in its first byte.
            let header = usize::from(packet[0] & 0xf) * 4;
            let Some(answer) = packet[..length].get(header..) else { continue };
            if answer.first() == Some(&REPLY) && answer.get(4..8) == Some(&request[4..8]) {
                return Ok(());
            }
        }
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 =
        bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
