//! Packets as rows, in tcpdump's words. The rows are the same in each run: they
//! have no times and no numbers that the kernel picks.
//!
//! Packets that a kernel sends by a timer have no row: reports on multicast
//! groups, and reachability probes to one neighbour. They are in the capture
//! file. A client's TCP port that the kernel has picked is a `*`. An
//! acknowledgement has a row only if it ends the handshake.

use super::icmp;
use super::message;
use super::pcap::{LinkType, SLL2};
use super::ring::Seen;
use crate::net::packet;
use crate::net::packet::{Arp, IpPacket, Packet};
use crate::table::mac;
use etherparse::{ArpOperation, EtherType, Ethernet2HeaderSlice, IpNumber, TcpSlice, UdpSlice};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The kernel's default range of ephemeral ports.
const PICKED: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// A packet in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub src: String,
    pub dst: String,
    pub proto: String,
    pub info: String,
}

/// Decodes packets in their order: some words depend on earlier packets.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The client of each TCP or UDP flow, by both ends.
    flows: BTreeMap<(IpNumber, [End; 2]), Flow>,
    /// Pairs of hosts that probe each other's reachability.
    probes: BTreeSet<(IpAddr, IpAddr)>,
    /// The nesting depth of the current packet within tunnels.
    depth: usize,
}

/// The maximum depth of nested packets that are decoded.
const DEEPEST: usize = 4;

type End = (IpAddr, u16);

#[derive(Debug)]
struct Flow {
    client: End,
    /// The client's next acknowledgement ends the handshake.
    accepted: bool,
}

/// The context of a packet's payload.
struct Around {
    src: String,
    dst: String,
    /// To one station, not broadcast or multicast.
    unicast: bool,
}

impl Decoder {
    /// Describes a packet; returns `None` for packets sent by a timer.
    pub fn tell(&mut self, link: LinkType, packet: &Seen) -> Option<Told> {
        let bytes = &packet.bytes;
        match link {
            LinkType::Ethernet => self.frame(bytes),
            LinkType::Raw => {
                let around = Around { src: String::new(), dst: String::new(), unicast: true };
                self.payload(packet::ether_type(bytes), bytes, around)
            }
            LinkType::Any => {
                let kind = EtherType(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
                let length = usize::from(packet.from.sll_halen).min(8);
                let src = mac(&packet.from.sll_addr[..length]);
                let unicast = packet.to.is_some_and(|to| to[0] & 1 == 0);
                let dst = packet.to.map(|to| mac(&to)).unwrap_or_default();
                self.payload(kind, bytes.get(SLL2..)?, Around { src, dst, unicast })
            }
        }
    }

    /// An Ethernet frame.
    fn frame(&mut self, bytes: &[u8]) -> Option<Told> {
        let header = Ethernet2HeaderSlice::from_slice(bytes).ok()?;
        let around = Around {
            src: mac(&header.source()),
            dst: mac(&header.destination()),
            unicast: header.destination()[0] & 1 == 0,
        };
        self.payload(header.ether_type(), &bytes[14..], around)
    }

    fn payload(&mut self, kind: EtherType, bytes: &[u8], around: Around) -> Option<Told> {
        let packet = match Packet::read(kind, bytes) {
            Some(Packet::Arp(arp)) => return self.arp(&arp, around),
            Some(Packet::Ip(packet)) => packet,
            None => {
                let Around { src, dst, .. } = around;
                let info = format!("ethertype 0x{:04x}, length {}", kind.0, bytes.len());
                return Some(Told { src, dst, proto: "Ethernet".into(), info });
            }
        };
        let IpPacket { src, dst, protocol, offset, more, payload, .. } = packet;
        let (proto, mut info) = match offset {
            0 => self.transport(protocol, payload, src, dst)?,
            _ => (name(protocol), format!("fragment, {} bytes from {offset}", payload.len())),
        };
        if offset == 0 && more {
            info += ", first fragment";
        }
        Some(Told { src: src.to_string(), dst: dst.to_string(), proto, info })
    }

    fn arp(&mut self, arp: &Arp, around: Around) -> Option<Told> {
        let Arp { operation, sender, sender_mac, target } = arp;
        let info = match ArpOperation(*operation) {
            ArpOperation::REQUEST if around.unicast => {
                self.probes.insert((*target, *sender));
                return None;
            }
            ArpOperation::REQUEST => format!("who-has {target} tell {sender}"),
            ArpOperation::REPLY if self.probes.remove(&(*sender, *target)) => return None,
            ArpOperation::REPLY => format!("{sender} is-at {sender_mac}"),
            other => format!("operation {}", other.0),
        };
        let Around { src, dst, .. } = around;
        Some(Told { src, dst, proto: "ARP".into(), info })
    }

    /// Returns the protocol of a packet's payload, and its description.
    fn transport(
        &mut self,
        number: IpNumber,
        bytes: &[u8],
        src: IpAddr,
        dst: IpAddr,
    ) -> Option<(String, String)> {
        let length = bytes.len();
        let plain = |proto: &str, info: String| Some((proto.to_string(), info));
        match number {
            IpNumber::ICMP => plain("ICMP", icmp::v4(bytes)?),
            IpNumber::IPV6_ICMP => {
                if icmp::is_by_the_clock(bytes, src, dst, &mut self.probes) {
                    return None;
                }
                plain("ICMPv6", icmp::v6(bytes)?)
            }
            IpNumber::IGMP => None,
            IpNumber::TCP => match TcpSlice::from_slice(bytes) {
                Ok(tcp) => Some(("TCP".into(), self.tcp(&tcp, src, dst)?)),
                Err(_) => plain("TCP", format!("cut off, length {length}")),
            },
            IpNumber::UDP => match UdpSlice::from_slice_lax(bytes) {
                Ok(udp) => self.udp(&udp, src, dst),
                Err(_) => plain("UDP", format!("cut off, length {length}")),
            },
            other => plain(&name(other), format!("length {length}")),
        }
    }

    /// Returns the flow that a packet belongs to, and its ports in words.
    fn flow(&mut self, number: IpNumber, src: End, dst: End) -> (&mut Flow, String) {
        let ends = if src <= dst { [src, dst] } else { [dst, src] };
        let flow = self.flows.entry((number, ends)).or_insert(Flow { client: src, accepted: false });
        let port = |end: End| match end == flow.client && PICKED.contains(&end.1) {
            true => "*".to_string(),
            false => end.1.to_string(),
        };
        let ports = format!("{} > {}", port(src), port(dst));
        (flow, ports)
    }

    fn tcp(&mut self, tcp: &TcpSlice, src: IpAddr, dst: IpAddr) -> Option<String> {
        let (src, dst) = ((src, tcp.source_port()), (dst, tcp.destination_port()));
        let length = tcp.payload().len();
        let (flow, ports) = self.flow(IpNumber::TCP, src, dst);
        if tcp.syn() && !tcp.ack() {
            (flow.client, flow.accepted) = (src, false);
        }
        let bare = tcp.ack() && !tcp.syn() && !tcp.fin() && !tcp.rst() && length == 0;
        if tcp.syn() && tcp.ack() {
            flow.accepted = true;
        } else if !std::mem::take(&mut flow.accepted) && bare {
            return None;
        }
        let flags =
            [(tcp.fin(), 'F'), (tcp.syn(), 'S'), (tcp.rst(), 'R'), (tcp.psh(), 'P'), (tcp.ack(), '.')];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
        Some(format!("{ports}: Flags [{flags}], length {length}"))
    }

    fn udp(&mut self, udp: &UdpSlice, src: IpAddr, dst: IpAddr) -> Option<(String, String)> {
        let (from, to) = (udp.source_port(), udp.destination_port());
        let bytes = udp.payload();
        if let (53, _) | (_, 53) = (from, to)
            && let Some(info) = message::dns(bytes)
        {
            return Some(("DNS".into(), info));
        }
        if let (67 | 68, 67 | 68) = (from, to)
            && let Some(info) = message::dhcp(bytes)
        {
            return Some(("DHCP".into(), info));
        }
        if self.depth < DEEPEST
            && let Some((id, frame)) = packet::vxlan(to, bytes)
        {
            self.depth += 1;
            let inner = self.frame(frame);
            self.depth -= 1;
            let inner = inner?;
            let Told { src, dst, proto, info } = inner;
            return Some(("VXLAN".into(), format!("vni {id}: {src} > {dst} {proto} {info}")));
        }
        let (_, ports) = self.flow(IpNumber::UDP, (src, from), (dst, to));
        Some(("UDP".into(), format!("{ports}: length {}", bytes.len())))
    }
}

/// The name of a protocol.
fn name(number: IpNumber) -> String {
    match number {
        IpNumber::ICMP => "ICMP".into(),
        IpNumber::IPV6_ICMP => "ICMPv6".into(),
        IpNumber::TCP => "TCP".into(),
        IpNumber::UDP => "UDP".into(),
        other => format!("ip-proto-{}", other.0),
    }
}
