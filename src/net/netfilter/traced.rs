//! The headers of a traced packet, of which the kernel reports the beginnings.

use crate::net::packet;
use crate::net::packet::{Icmp, IpPacket, Packet};
use etherparse::{EtherType, IpNumber};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

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

impl TracedPacket {
    /// Parses the available headers: link, network and transport.
    pub(in crate::net) fn read(
        link: Option<&[u8]>,
        network: Option<&[u8]>,
        transport: Option<&[u8]>,
    ) -> Option<Self> {
        let network = network?;
        // The EtherType follows the addresses, or a VLAN tag.
        let ether = link
            .and_then(|link| link.get(12..))
            .and_then(|rest| packet::be16(rest, rest.len().checked_sub(2)?));
        let is_arp = match ether {
            Some(ether) => ether == 0x0806,
            // Ethernet, IPv4, and the lengths of their addresses.
            None => network.get(..6) == Some(&[0, 1, 8, 0, 6, 4]),
        };
        if is_arp {
            let Packet::Arp(arp) = Packet::read(EtherType::ARP, network)? else { return None };
            let (src, dst) = (Some(arp.sender), Some(arp.target));
            return Some(Self { src, dst, arp: Some(arp.operation), ..Self::default() });
        }
        // The kernel reports at most 40 bytes; zeros stand for the options that are missing.
        let mut network = network.to_vec();
        if network.first()? >> 4 == 4 {
            network.resize(network.len().max(usize::from(network[0] & 0x0f) * 4), 0);
        }
        let ip = IpPacket::read(&network)?;
        let mut packet = Self {
            src: Some(ip.src),
            dst: Some(ip.dst),
            proto: Some(ip.protocol.0),
            is_later_fragment: ip.offset > 0,
            ..Self::default()
        };
        let Some(transport) = transport.filter(|_| !packet.is_later_fragment) else { return Some(packet) };
        packet.icmp = Icmp::read(ip.protocol, transport).map(TracedIcmp::from);
        if let IpNumber::TCP | IpNumber::UDP | IpNumber::SCTP = ip.protocol {
            (packet.sport, packet.dport) = packet::ports(transport).unzip();
        }
        Some(packet)
    }
}

impl From<Icmp> for TracedIcmp {
    fn from(icmp: Icmp) -> Self {
        let (id, seq) = icmp.echo.unzip();
        Self { kind: icmp.kind, code: icmp.code, id, seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an IPv4 header from 10.0.0.1 to 10.0.0.2.
    fn ipv4(words: u8, protocol: u8, fragment: u16) -> Vec<u8> {
        let [high, low] = fragment.to_be_bytes();
        vec![0x40 | words, 0, 0, 84, 0, 0, high, low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
    }

    #[test]
    fn a_header_that_is_cut_off_in_its_options_has_its_addresses() {
        let mut network = ipv4(15, 1, 0);
        network.extend([7, 39, 4]);
        network.resize(40, 0);
        let packet = TracedPacket::read(None, Some(&network), Some(&[8, 0, 0, 0, 0, 9, 0, 2])).unwrap();
        assert_eq!(packet.dst.unwrap().to_string(), "10.0.0.2");
        assert_eq!(packet.icmp, Some(TracedIcmp { kind: 8, code: 0, id: Some(9), seq: Some(2) }));
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let transport = [0, 80, 0x1f, 0x90];
        let first = TracedPacket::read(None, Some(&ipv4(5, 17, 0x2000)), Some(&transport)).unwrap();
        assert_eq!((first.sport, first.dport, first.is_later_fragment), (Some(80), Some(8080), false));
        let later = TracedPacket::read(None, Some(&ipv4(5, 17, 185)), Some(&transport)).unwrap();
        assert_eq!((later.sport, later.dport, later.is_later_fragment), (None, None, true));
    }
}
