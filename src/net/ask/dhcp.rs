//! The first question of a DHCP client (RFC 2131), and the answer of a server.

use super::echo::{PacketSocket, checksum, random};
use crate::net::kernel::error::strerror;
use crate::net::packet;
use crate::net::packet::IpPacket;
use crate::net::{NetError, Netns, Network};
use etherparse::IpNumber;
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::time::Instant;

/// The ports of a client and of a server.
const CLIENT: u16 = 68;
const SERVER: u16 = 67;

/// The length of a message before its options.
const FIXED: usize = 236;

/// The four bytes before the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Options: the message's type, the client's and the server's identifier, the wanted options.
const KIND: u8 = 53;
const CLIENT_ID: u8 = 61;
const SERVER_ID: u8 = 54;
const WANTED: u8 = 55;
const END: u8 = 255;

/// Types of messages.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;

/// The least length of a message that relays pass on.
const LEAST: usize = 300;

/// An address that a DHCP server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOffer {
    /// The server, by its own words.
    pub server: Ipv4Addr,
    /// The offered address.
    pub address: Ipv4Addr,
}

/// A question for a DHCP server that was sent, and may be answered.
pub struct DhcpQuestion {
    socket: PacketSocket,
    id: [u8; 4],
}

impl Network {
    /// Sends a DHCPDISCOVER by an interface, in a frame as clients do it that have no address
    /// yet. No rule for outgoing packets sees it.
    ///
    /// # Errors
    ///
    /// If the kernel gives no socket, or the interface sends nothing.
    pub fn discover(&self, netns: &Netns, index: u32, mac: [u8; 6]) -> Result<DhcpQuestion, NetError> {
        // A further question after a survey, by which the interface is known.
        let kernel = self.bare();
        let failed =
            |errno: Errno| NetError::new(format!("failed to ask for a lease: {}", strerror(errno as i32)));
        let mut id = [0; 4];
        random(&mut id).map_err(failed)?;
        kernel.enter(netns)?;
        let socket = PacketSocket::open(SockProtocol::EthIp).map_err(failed)?;
        socket.broadcast(index, &datagram(&question(id, mac))).map_err(failed)?;
        Ok(DhcpQuestion { socket, id })
    }
}

impl DhcpQuestion {
    /// Waits for an offer until the deadline.
    pub fn offer(&self, deadline: Instant) -> Option<DhcpOffer> {
        let mut bytes = [0; 2048];
        loop {
            while let Some((length, _)) = self.socket.receive(&mut bytes) {
                let offer = bytes.get(..length).and_then(|bytes| offer(bytes, self.id));
                if offer.is_some() {
                    return offer;
                }
            }
            if !self.socket.wait(deadline) {
                return None;
            }
        }
    }
}

/// Builds a DHCPDISCOVER.
fn question(id: [u8; 4], mac: [u8; 6]) -> Vec<u8> {
    // A request, by Ethernet, whose addresses have six bytes.
    let mut bytes = vec![1, 1, 6, 0];
    bytes.extend(id);
    bytes.resize(28, 0);
    bytes.extend(mac);
    bytes.resize(FIXED, 0);
    bytes.extend(COOKIE);
    bytes.extend([KIND, 1, DISCOVER]);
    bytes.extend([CLIENT_ID, 7, 1]);
    bytes.extend(mac);
    // Mask, router, name server, broadcast address.
    bytes.extend([WANTED, 4, 1, 3, 6, 28]);
    bytes.push(END);
    bytes.resize(bytes.len().max(LEAST), 0);
    bytes
}

/// Puts a message into a datagram from a client without an address to all.
fn datagram(message: &[u8]) -> Vec<u8> {
    const IP: usize = 20;
    const UDP: usize = 8;
    let mut header = vec![0x45, 0];
    header.extend(((IP + UDP + message.len()) as u16).to_be_bytes());
    header.extend([0, 0, 0, 0, 64, IpNumber::UDP.0, 0, 0]);
    header.extend(Ipv4Addr::UNSPECIFIED.octets());
    header.extend(Ipv4Addr::BROADCAST.octets());
    let sum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    for number in [CLIENT, SERVER, (UDP + message.len()) as u16, 0] {
        header.extend(number.to_be_bytes());
    }
    header.extend(message);
    header
}

/// Reads an offer that answers the question with this number.
fn offer(bytes: &[u8], id: [u8; 4]) -> Option<DhcpOffer> {
    let packet = IpPacket::read(bytes).filter(|packet| packet.protocol == IpNumber::UDP)?;
    let ports = packet::ports(packet.payload)?;
    let message = packet.payload.get(8..).filter(|_| ports == (SERVER, CLIENT))?;
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
    let is_answer = message.first() == Some(&2) && message.get(4..8)? == id;
    let options = message.get(FIXED..)?.strip_prefix(&COOKIE).filter(|_| is_answer)?;
    (option(options, KIND)? == [OFFER]).then_some(())?;
    Some(DhcpOffer { server: address(option(options, SERVER_ID)?)?, address: address(message.get(16..20)?)? })
}

/// Returns the value of an option.
fn option(mut options: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        match *options {
            // Padding.
            [0, ..] => options = &options[1..],
            [END, ..] => return None,
            [kind, length, ref rest @ ..] => {
                let (value, next) = rest.split_at_checked(length.into())?;
                if kind == wanted {
                    return Some(value);
                }
                options = next;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the answer of a server to a question.
    fn answer(kind: u8, id: [u8; 4]) -> Vec<u8> {
        let mut message = question(id, [2, 0, 0, 0, 0, 1]);
        message[0] = 2;
        message[16..20].copy_from_slice(&[10, 0, 0, 100]);
        message.truncate(FIXED + COOKIE.len());
        message.extend([0, KIND, 1, kind, SERVER_ID, 4, 10, 0, 0, 1, END]);
        let mut bytes = datagram(&message);
        bytes[20..24].copy_from_slice(&[0, 67, 0, 68]);
        bytes
    }

    #[test]
    fn an_offer_is_read_if_it_answers_the_question() {
        let (ours, other) = ([1, 2, 3, 4], [1, 2, 3, 5]);
        let expected = DhcpOffer { server: [10, 0, 0, 1].into(), address: [10, 0, 0, 100].into() };
        assert_eq!(offer(&answer(OFFER, ours), ours), Some(expected));
        assert_eq!(offer(&answer(OFFER, other), ours), None);
        assert_eq!(offer(&answer(6, ours), ours), None, "a refusal is no offer");
        assert_eq!(offer(&datagram(&question(ours, [0; 6])), ours), None, "a question is no offer");
        let whole = answer(OFFER, ours);
        for length in 0..whole.len() - 5 {
            assert_eq!(offer(&whole[..length], ours), None, "it is cut off after {length} bytes");
        }
    }

    #[test]
    fn a_question_has_what_servers_and_relays_ask_for() {
        let bytes = datagram(&question([1, 2, 3, 4], [2, 0, 0, 0, 0, 1]));
        let packet = IpPacket::read(&bytes).unwrap();
        assert_eq!((packet.src, packet.dst), ([0, 0, 0, 0].into(), [255; 4].into()));
        assert_eq!(packet::ports(packet.payload), Some((68, 67)));
        assert_eq!(packet.payload.len(), 8 + LEAST);
        assert_eq!(checksum(&bytes[..20]), 0);
    }
}
