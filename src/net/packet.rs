//! The headers of a packet, as far as more than one room needs them.

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket};
use std::net::{IpAddr, Ipv4Addr};

/// A packet above Ethernet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Arp(Arp),
    Ip(IpPacket<'a>),
}

/// An ARP message for IPv4 (RFC 826).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arp {
    /// 1 is a request, 2 a reply.
    pub operation: u16,
    pub sender: IpAddr,
    pub sender_mac: String,
    pub target: IpAddr,
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IpPacket<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// The time to live, or the hop limit.
    pub ttl: u8,
    /// The protocol of the payload, after the extension headers.
    pub protocol: IpNumber,
    /// The place of a fragment in its packet, in bytes.
    pub offset: u16,
    /// Whether more fragments follow.
    pub more: bool,
    /// The bytes after the headers, as far as they are there.
    pub payload: &'a [u8],
}

/// The header of a TCP segment (RFC 9293).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub source: u16,
    pub destination: u16,
    pub sequence: u32,
    pub ack: u32,
    pub flags: u8,
}

/// An ICMP message of either version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Icmp {
    pub kind: u8,
    pub code: u8,
    /// The identifier and the sequence number of an echo.
    pub echo: Option<(u16, u16)>,
}

impl<'a> Packet<'a> {
    /// Reads a packet of this EtherType; `None` for one that is neither ARP nor IP, or
    /// cut off within its header.
    pub(super) fn read(kind: EtherType, bytes: &'a [u8]) -> Option<Self> {
        let ip = |src: IpAddr, dst: IpAddr, ttl: u8, (offset, more), payload: (IpNumber, &'a [u8])| {
            let (protocol, payload) = payload;
            Some(Self::Ip(IpPacket { src, dst, ttl, protocol, offset, more, payload }))
        };
        match LaxSlicedPacket::from_ether_type(kind, bytes).net? {
            LaxNetSlice::Arp(arp) => {
                let v4 = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(|ip| Ipv4Addr::from(ip).into());
                Some(Self::Arp(Arp {
                    operation: arp.operation().0,
                    sender: v4(arp.sender_protocol_addr())?,
                    sender_mac: crate::table::mac(arp.sender_hw_addr()),
                    target: v4(arp.target_protocol_addr())?,
                }))
            }
            LaxNetSlice::Ipv4(packet) => {
                let (header, payload) = (packet.header(), packet.payload());
                let place = (header.fragments_offset().byte_offset(), header.more_fragments());
                let (src, dst) = (header.source_addr().into(), header.destination_addr().into());
                ip(src, dst, header.ttl(), place, (payload.ip_number, payload.payload))
            }
            LaxNetSlice::Ipv6(packet) => {
                let (header, payload) = (packet.header(), packet.payload());
                let place = fragment(header.next_header(), packet.extensions().slice()).unwrap_or_default();
                let (src, dst) = (header.source_addr().into(), header.destination_addr().into());
                ip(src, dst, header.hop_limit(), place, (payload.ip_number, payload.payload))
            }
        }
    }
}

impl<'a> IpPacket<'a> {
    /// Reads an IP packet by the version in its header.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        match Packet::read(ether_type(bytes), bytes)? {
            Packet::Ip(packet) => Some(packet),
            Packet::Arp(_) => None,
        }
    }
}

impl Segment {
    pub(super) const SYN: u8 = 0x02;
    pub(super) const RST: u8 = 0x04;
    pub(super) const ACK: u8 = 0x10;

    /// Reads the header; `None` if it is cut off.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (source, destination) = ports(bytes)?;
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let (sequence, ack) = (number(4)?, number(8)?);
        Some(Self { source, destination, sequence, ack, flags: *bytes.get(13)? })
    }

    /// Tells whether it has this flag.
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Icmp {
    /// Reads a message of this protocol; `None` if it is neither version of ICMP, or cut off.
    pub(super) fn read(protocol: IpNumber, bytes: &[u8]) -> Option<Self> {
        let echoes = match protocol {
            IpNumber::ICMP => [0, 8],
            IpNumber::IPV6_ICMP => [128, 129],
            _ => return None,
        };
        let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
        let echo = be16(bytes, 4).zip(be16(bytes, 6)).filter(|_| echoes.contains(&kind));
        Some(Self { kind, code, echo })
    }
}

/// The EtherType of an IP packet without a frame.
pub(super) fn ether_type(bytes: &[u8]) -> EtherType {
    match bytes.first() {
        Some(first) if first >> 4 == 6 => EtherType::IPV6,
        _ => EtherType::IPV4,
    }
}

/// The source and destination ports of TCP, UDP or SCTP.
pub(super) fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    Some((be16(bytes, 0)?, be16(bytes, 2)?))
}

/// The network identifier and the frame in a UDP datagram to a VXLAN port: RFC 7348's,
/// or the kernel's old default.
pub(super) fn vxlan(port: u16, payload: &[u8]) -> Option<(u32, &[u8])> {
    match (port, payload) {
        (4789 | 8472, [0x08, _, _, _, a, b, c, _, frame @ ..]) => {
            Some((u32::from_be_bytes([0, *a, *b, *c]), frame))
        }
        _ => None,
    }
}

/// The number in network byte order at this place.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Returns the offset of an IPv6 fragment, in bytes, and whether more follow
/// (RFC 8200, section 4), from the extension headers that follow the header.
///
/// They are parsed here because etherparse's iterator over them (0.21) reads
/// beyond the end of a packet that is cut off in one, or that has one at a wrong
/// place.
fn fragment(mut number: IpNumber, mut headers: &[u8]) -> Option<(u16, bool)> {
    loop {
        let [next, length, high, low, ..] = *headers else { return None };
        let length = usize::from(length);
        let size = match number {
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                let place = u16::from_be_bytes([high, low]);
                return Some((place & !7, place & 1 != 0));
            }
            IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_ROUTE_HEADER
            | IpNumber::IPV6_DESTINATION_OPTIONS => (length + 1) * 8,
            IpNumber::AUTHENTICATION_HEADER => (length + 2) * 4,
            _ => return None,
        };
        headers = headers.get(size..)?;
        number = IpNumber(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of IPv6 from fd00::1 to fd00::2 with these bytes after its header.
    fn ipv6(next: IpNumber, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, rest.len() as u8, next.0, 64];
        for last in [1, 2] {
            bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn the_payload_follows_the_extension_headers() {
        let options = [58, 0, 5, 2, 0, 0, 1, 0];
        let echo = [128, 0, 0, 0, 0, 9, 0, 2];
        let bytes = ipv6(IpNumber::IPV6_HEADER_HOP_BY_HOP, &[options, echo].concat());
        let packet = IpPacket::read(&bytes).unwrap();
        assert_eq!((packet.protocol, packet.payload), (IpNumber::IPV6_ICMP, echo.as_slice()));
        assert_eq!(Icmp::read(packet.protocol, packet.payload).unwrap().echo, Some((9, 2)));
        // A part of the same message that came in two.
        let part = [58, 0, 0x05, 0xa8, 1, 2, 3, 4, 128, 0, 0, 0];
        let bytes = ipv6(IpNumber::IPV6_FRAGMENTATION_HEADER, &part);
        assert_eq!(IpPacket::read(&bytes).unwrap().offset, 1448);
    }

    #[test]
    fn arp_is_read_for_ipv4_only() {
        let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 7, 10, 0, 0, 1, 2, 0, 0, 0, 0, 8];
        assert_eq!(Packet::read(EtherType::ARP, &bytes), None, "it is cut off");
        bytes.extend([10, 0, 0, 2]);
        let Some(Packet::Arp(arp)) = Packet::read(EtherType::ARP, &bytes) else { panic!("it is ARP") };
        assert_eq!((arp.operation, arp.sender_mac.as_str()), (2, "02:00:00:00:00:07"));
        assert_eq!(arp.target.to_string(), "10.0.0.2");
        assert_eq!(Packet::read(EtherType(0x88cc), &bytes), None);
    }

    #[test]
    fn the_place_of_a_fragment_of_ipv6() {
        let last = [58, 0, 0x05, 0xa8, 1, 2, 3, 4];
        let first = [58, 0, 0x00, 0x01, 1, 2, 3, 4];
        let options = [44, 0, 1, 4, 0, 0, 0, 0];
        assert_eq!(fragment(IpNumber::IPV6_FRAGMENTATION_HEADER, &last), Some((1448, false)));
        assert_eq!(fragment(IpNumber::IPV6_FRAGMENTATION_HEADER, &first), Some((0, true)));
        let behind = [&options[..], &last].concat();
        assert_eq!(fragment(IpNumber::IPV6_DESTINATION_OPTIONS, &behind), Some((1448, false)));
        // Cut off, no fragment, and a header at a wrong place.
        assert_eq!(fragment(IpNumber::IPV6_DESTINATION_OPTIONS, &behind[..10]), None);
        assert_eq!(fragment(IpNumber::IPV6_HEADER_HOP_BY_HOP, &[0, 200, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(fragment(IpNumber::UDP, &behind), None);
        assert_eq!(fragment(IpNumber::IPV6_FRAGMENTATION_HEADER, &[]), None);
    }
}
