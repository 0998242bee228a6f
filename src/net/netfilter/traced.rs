//! The headers of a traced packet, of which the kernel reports the beginnings.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A packet, as far as it was reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedPacket {
    /// The source address; for ARP the sender's address.
    pub src: Option<IpAddr>,
    /// The destination address; for ARP the requested address.
    pub dst: Option<IpAddr>,
    /// The protocol above IP, by number.
    pub proto: Option<u8>,
    /// An ICMP message of either version.
    pub icmp: Option<TracedIcmp>,
    /// The source port.
    pub sport: Option<u16>,
    /// The destination port.
    pub dport: Option<u16>,
    /// The ARP operation: 1 is a request, 2 a reply.
    pub arp: Option<u16>,
    /// Whether it is a fragment other than the first: only the first one has the
    /// header of ICMP, TCP or UDP.
    pub is_later_fragment: bool,
}

/// An ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedIcmp {
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The identifier of an echo.
    pub id: Option<u16>,
    /// The sequence number of an echo.
    pub seq: Option<u16>,
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

impl TracedPacket {
    /// Parses the available headers: link, network and transport.
    pub(in crate::net) fn read(
        link: Option<&[u8]>,
        network: Option<&[u8]>,
        transport: Option<&[u8]>,
    ) -> Option<Self> {
        let network = network?;
        // The EtherType follows the addresses, or a VLAN tag.
        let ether =
            link.and_then(|link| link.get(12..)).and_then(|rest| half(rest, rest.len().checked_sub(2)?));
        let is_arp = match ether {
            Some(ether) => ether == 0x0806,
            // Ethernet, IPv4, and the lengths of their addresses.
            None => network.get(..6) == Some(&[0, 1, 8, 0, 6, 4]),
        };
        if is_arp {
            return Some(Self {
                src: v4(network, 14),
                dst: v4(network, 24),
                arp: half(network, 6),
                ..Self::default()
            });
        }
        let mut packet = match network.first()? >> 4 {
            4 => Self {
                src: v4(network, 12),
                dst: v4(network, 16),
                proto: network.get(9).copied(),
                is_later_fragment: half(network, 6).is_some_and(|fragment| fragment & 0x1fff != 0),
                ..Self::default()
            },
            6 => Self {
                src: v6(network, 8),
                dst: v6(network, 24),
                proto: network.get(6).copied(),
                ..Self::default()
            },
            _ => return None,
        };
        let Some(transport) = transport.filter(|_| !packet.is_later_fragment) else { return Some(packet) };
        match packet.proto {
            Some(protocol @ (ICMP | ICMPV6)) => packet.icmp = icmp(protocol, transport),
            Some(TCP | UDP | SCTP) => {
                packet.sport = half(transport, 0);
                packet.dport = half(transport, 2);
            }
            _ => {}
        }
        Some(packet)
    }
}

fn icmp(protocol: u8, bytes: &[u8]) -> Option<TracedIcmp> {
    let kind = *bytes.first()?;
    let echo = if protocol == ICMP { [0, 8] } else { [128, 129] }.contains(&kind);
    Some(TracedIcmp {
        kind,
        code: *bytes.get(1)?,
        id: half(bytes, 4).filter(|_| echo),
        seq: half(bytes, 6).filter(|_| echo),
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn v4(bytes: &[u8], at: usize) -> Option<IpAddr> {
    Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?).into())
}

fn v6(bytes: &[u8], at: usize) -> Option<IpAddr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?).into())
}
