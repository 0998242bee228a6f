//! Captured packets, for the fuzzers.

use super::decode::Decoder;
use super::pcap;
use super::pcap::LinkType;
use super::ring::Seen;
use super::{icmp, message};

/// Decodes packets of one link in their order.
pub fn decode(link: u8, pieces: &[&[u8]]) {
    let kind = match link % 3 {
        0 => LinkType::Ethernet,
        1 => LinkType::Raw,
        _ => LinkType::Any,
    };
    let mut decoder = Decoder::default();
    let mut packets = Vec::new();
    for bytes in pieces {
        let mut packet = seen(link, bytes);
        if kind == LinkType::Any {
            pcap::sll2(&mut packet);
        }
        decoder.tell(kind, &packet);
        packets.push(packet);
    }
    pcap::file(kind, &packets);
}

/// A message whose type is known from its port or protocol.
pub fn messages(bytes: &[u8]) {
    message::dns(bytes);
    message::dhcp(bytes);
    icmp::v4(bytes);
    icmp::v6(bytes);
}

fn seen(link: u8, bytes: &[u8]) -> Seen {
    let from = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: u16::from_ne_bytes([bytes.first().copied().unwrap_or(8), 0]),
        sll_ifindex: 1,
        sll_hatype: libc::ARPHRD_ETHER,
        sll_pkttype: 0,
        sll_halen: link,
        sll_addr: [0; 8],
    };
    let net = bytes.len().min(14);
    let length = bytes.len() as u32;
    Seen { time: (0, 0), length, bytes: bytes.to_vec(), net, to: None, from }
}
