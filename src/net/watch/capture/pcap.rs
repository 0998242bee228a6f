//! The file format that tcpdump and tshark read
//! (draft-ietf-opsawg-pcap, `pcap-savefile(5)`): 24 bytes for the file, 16
//! before each packet.

use super::ring::Seen;

/// The header with which packets begin (`LINKTYPE_*` of the tcpdump group's
/// list).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Raw,
    /// A header of its own, for packets of all kinds of links
    /// (`LINKTYPE_LINUX_SLL2`).
    Any,
}

impl LinkType {
    fn number(self) -> u32 {
        match self {
            Self::Ethernet => 1,
            Self::Raw => 101,
            Self::Any => 276,
        }
    }
}

/// The maximum size of a packet, as in tcpdump.
const LONGEST: u32 = 262_144;

/// Writes a whole file.
pub fn file(link: LinkType, packets: &[Seen]) -> Vec<u8> {
    let mut bytes =
        Vec::with_capacity(24 + packets.iter().map(|packet| 16 + packet.bytes.len()).sum::<usize>());
    // The magic number of a file with nanosecond timestamps.
    bytes.extend(0xa1b2_3c4d_u32.to_le_bytes());
    bytes.extend([2u16, 4].map(u16::to_le_bytes).concat());
    bytes.extend([0, 0, LONGEST, link.number()].map(u32::to_le_bytes).concat());
    for packet in packets {
        let (seconds, nanoseconds) = packet.time;
        let lengths = [packet.bytes.len() as u32, packet.length];
        bytes.extend([seconds, nanoseconds, lengths[0], lengths[1]].map(u32::to_le_bytes).concat());
        bytes.extend(&packet.bytes);
    }
    bytes
}

/// The length of [`sll2`]'s header.
pub const SLL2: usize = 20;

/// Replaces a packet's own link header with that of [`LinkType::Any`].
pub fn sll2(packet: &mut Seen) {
    let from: &libc::sockaddr_ll = &packet.from;
    let mut header = Vec::with_capacity(SLL2 + packet.bytes.len());
    packet.to = packet.bytes.get(..6).filter(|_| packet.net >= 14).and_then(|to| to.try_into().ok());
    // The protocol is in network byte order already.
    header.extend(from.sll_protocol.to_ne_bytes());
    header.extend([0, 0]);
    header.extend(from.sll_ifindex.to_be_bytes());
    header.extend(from.sll_hatype.to_be_bytes());
    header.extend([from.sll_pkttype, from.sll_halen]);
    header.extend(from.sll_addr);
    header.extend(&packet.bytes[packet.net..]);
    packet.bytes = header;
    packet.length = packet.length + SLL2 as u32 - packet.net as u32;
}
