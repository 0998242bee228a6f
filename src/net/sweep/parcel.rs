//! One packet of a sweep: its random fields, and its bytes.

use super::named::Named;
use super::span::Span;
use super::{SweepKind, SweepOptions};
use crate::net::ask::echo::checksum;
use etherparse::{TcpHeader, UdpHeader};
use siphasher::sip::SipHasher24;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hasher;
use std::net::Ipv4Addr;

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

const SYN: u8 = 0x02;
const ECHO_REQUEST: u8 = 8;

/// One in this many packets of all kinds is sent in two fragments.
const FRAGMENTED: u64 = 16;
/// The flag of all fragments but the last (RFC 791, 3.1).
const MORE_FRAGMENTS: u16 = 0x2000;

/// The bytes of the IPv4 and TCP headers.
const HEADERS: usize = 40;
/// The largest payload that fits the usual MTU.
const LARGEST: u64 = 1500 - HEADERS as u64;

/// A random number generator: the same seed gives the same sequence.
pub(super) struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Returns a number below `count`.
    pub fn below(&mut self, count: u64) -> u64 {
        self.drawn += 1;
        let hash = SipHasher24::new_with_keys(self.seed, self.drawn).finish();
        ((u128::from(hash) * u128::from(count)) >> 64) as u64
    }

    /// Returns a number of an inclusive range.
    pub fn between(&mut self, first: u32, last: u32) -> u32 {
        first + self.below(u64::from(last - first) + 1) as u32
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let count = items.len() as u64;
        (count > 0).then(|| items[self.below(count) as usize])
    }

    /// Returns true three times out of four.
    fn mostly(&mut self) -> bool {
        self.below(4) > 0
    }

    fn half(&mut self) -> bool {
        self.below(2) > 0
    }

    /// Returns one of the addresses; if the rule names some of them, mostly one
    /// of those or an address next to them.
    fn address(&mut self, pool: &[u32], named: &Named) -> Option<Ipv4Addr> {
        let aside = u32::from(self.below(4) == 0);
        let is_near =
            |address: &&u32| named.addresses.iter().any(|span| span.wider(aside).contains(**address));
        let near: Vec<u32> = pool.iter().filter(is_near).copied().collect();
        let address = self.one_of(&near).filter(|_| self.mostly());
        address.or_else(|| self.one_of(pool)).map(Ipv4Addr::from)
    }

    /// Returns a number that the rule names, or one next to it.
    fn number(&mut self, named: &Named) -> Option<u16> {
        let (first, last) = self.one_of(&named.numbers)?;
        Some(match self.below(8) {
            0 => first.wrapping_sub(1),
            1 => last.wrapping_add(1),
            2..5 => self.between(first.min(last).into(), first.max(last).into()) as u16,
            5 => last,
            _ => first,
        })
    }

    /// Returns such a number if it fits into one byte.
    fn byte(&mut self, named: &Named) -> Option<u8> {
        self.number(named).and_then(|number| u8::try_from(number).ok())
    }
}

/// The source and destination addresses of packets.
pub(super) struct Ends {
    pub src: Vec<u32>,
    pub dst: Vec<u32>,
}

impl Ends {
    /// The number of random addresses that are taken from a span. Each needs an
    /// entry in the kernel's neighbour table, which the whole machine shares.
    const DRAWN: usize = 8;
    /// The number of addresses added for each range that a rule names.
    const NAMED: usize = 2;

    /// A sample of the spans: random addresses, and the first and last addresses that a
    /// rule names. Addresses for which `out` is true are not used.
    pub fn pool(chance: &mut Chance, spans: &[Span], named: &[Named], out: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut pool = BTreeSet::new();
        for span in spans {
            pool.extend((0..Self::DRAWN).map(|_| chance.between(span.first, span.last)));
            for near in named.iter().flat_map(|named| &named.addresses).filter_map(|near| near.within(*span))
            {
                pool.extend((0..Self::NAMED).map(|_| chance.between(near.first, near.last)));
                let ends = [near.first.wrapping_sub(1), near.first, near.last, near.last.wrapping_add(1)];
                pool.extend(ends.into_iter().filter(|end| span.contains(*end)));
            }
        }
        let is_only =
            |address: &u32| spans.iter().any(|span| span.first == *address && span.last == *address);
        let is_end = |address: &u32| {
            spans.iter().any(|span| span.network && [span.first, span.last].contains(address))
        };
        pool.into_iter().filter(|address| is_only(address) || !is_end(address) && !out(*address)).collect()
    }
}

/// The fields of a packet.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: u8,
    /// The ports; for ICMP, type and code.
    pub sport: u16,
    pub dport: u16,
    flags: u8,
    tos: u8,
    ttl: u8,
    df: bool,
    fragmented: bool,
    /// The minimum size of the payload.
    size: usize,
}

impl Parcel {
    /// Draws the `n`th packet; `named` is the rule that it tries.
    pub fn draw(
        chance: &mut Chance,
        options: &SweepOptions,
        ends: &Ends,
        n: usize,
        named: &Named,
    ) -> Option<Self> {
        let (protocol, kind) = protocol(chance, options, n, named);
        let odd = kind == SweepKind::Any;
        let everywhere = [(1, u16::MAX)];
        let ports = if options.ports.is_empty() { &everywhere[..] } else { &options.ports };
        let is_one = |port: &u16| ports.iter().any(|(first, last)| (first..=last).contains(&port));
        let port = match chance.number(named).filter(is_one).filter(|_| chance.mostly()) {
            Some(port) => port,
            None => {
                let (first, last) = chance.one_of(ports)?;
                chance.between(first.into(), last.into()) as u16
            }
        };
        let from = chance.number(named).filter(|port| *port > 0 && chance.below(4) == 0);
        let sport = from.unwrap_or_else(|| chance.between(1024, 65535) as u16);
        let (sport, dport) = match (protocol, odd) {
            // Each type once, then those that the rule names.
            (ICMP, true) => {
                let systematic = n.checked_sub(256).and_then(|n| u8::try_from(n).ok());
                let kind = systematic.or_else(|| chance.byte(named)).unwrap_or(chance.below(256) as u8);
                (kind.into(), if chance.half() { 0 } else { chance.below(16) as u16 })
            }
            (ICMP, false) if options.ports.is_empty() => (ECHO_REQUEST.into(), 0),
            (ICMP, false) => (port & 0xff, 0),
            _ => (sport, port),
        };
        let flags = if odd && chance.half() { chance.below(256) as u8 } else { SYN };
        let tos = match chance.byte(named).filter(|_| chance.mostly()) {
            Some(tos) => tos,
            None if chance.half() => 0,
            None => chance.below(256) as u8,
        };
        let ttl = if chance.half() { 64 } else { chance.between(32, 255) as u8 };
        let size = match chance.number(named).filter(|_| chance.half()) {
            Some(size) if u64::from(size) <= LARGEST => size.into(),
            _ if chance.half() => 0,
            _ => chance.below(LARGEST) as usize,
        };
        let (src, dst) = (chance.address(&ends.src, named)?, chance.address(&ends.dst, named)?);
        // A rule for one port does not match a second fragment.
        let fragmented = odd && chance.below(FRAGMENTED) == 0;
        let df = chance.half();
        let parcel = Self { src, dst, protocol, sport, dport, flags, tos, ttl, df, fragmented, size };
        let port = if protocol == ICMP { sport } else { port };
        let is_out = |(not, of): &(u8, Option<u16>)| *not == protocol && of.is_none_or(|of| of == port);
        (!options.not.iter().any(is_out)).then_some(parcel)
    }

    /// The bytes, with the mark that identifies the packet: one packet, or its
    /// two fragments. The second fragment has the mark, too, so that it is
    /// recognized without the first.
    pub fn packets(&self, mark: &[u8]) -> Vec<Vec<u8>> {
        let mut payload = mark.to_vec();
        let header_length = match self.protocol {
            TCP => TcpHeader::MIN_LEN,
            UDP | ICMP => UdpHeader::LEN,
            _ => 0,
        };
        // Fragments begin at multiples of 8 bytes (RFC 791, 3.1).
        let first = (header_length + mark.len()).next_multiple_of(8);
        if self.fragmented {
            payload.resize(first - header_length, 0);
            payload.extend(mark);
        }
        payload.resize(payload.len().max(self.size), 0);
        let mut bytes = self.header(&payload);
        bytes.extend(payload);
        if !self.fragmented {
            return vec![self.packet(&bytes, 0, if self.df { 0x4000 } else { 0 })];
        }
        // Both fragments have the same ID, which must not be 0.
        let id = u16::from_be_bytes([mark[0], mark[1]]).max(1);
        let (one, other) = bytes.split_at(first);
        vec![self.packet(one, id, MORE_FRAGMENTS), self.packet(other, id, first as u16 / 8)]
    }

    /// The header of the transport protocol.
    fn header(&self, payload: &[u8]) -> Vec<u8> {
        let (src, dst) = (self.src.octets(), self.dst.octets());
        match self.protocol {
            TCP => {
                let is = |bit: u8| self.flags & bit > 0;
                let mut header = TcpHeader::new(self.sport, self.dport, 1, 64240);
                (header.fin, header.syn, header.rst, header.psh) = (is(1), is(SYN), is(4), is(8));
                (header.ack, header.urg, header.ece, header.cwr) = (is(16), is(32), is(64), is(128));
                header.checksum = header.calc_checksum_ipv4_raw(src, dst, payload).unwrap_or_default();
                header.to_bytes().to_vec()
            }
            UDP => {
                let length = (UdpHeader::LEN + payload.len()) as u16;
                let mut header =
                    UdpHeader { source_port: self.sport, destination_port: self.dport, length, checksum: 0 };
                header.checksum = header.calc_checksum_ipv4_raw(src, dst, payload).unwrap_or_default();
                header.to_bytes().to_vec()
            }
            ICMP => {
                let mut header = vec![self.sport as u8, self.dport as u8, 0, 0, 0x4e, 0x53, 0, 1];
                let sum = checksum(&[&header, payload].concat());
                header[2..4].copy_from_slice(&sum.to_be_bytes());
                header
            }
            _ => Vec::new(),
        }
    }

    /// Builds an IPv4 packet. The kernel fills in the checksum, and an ID that
    /// is 0 (raw(7)).
    fn packet(&self, carried: &[u8], id: u16, flags: u16) -> Vec<u8> {
        let mut bytes = vec![0x45, self.tos];
        bytes.extend((20 + carried.len() as u16).to_be_bytes());
        bytes.extend(id.to_be_bytes());
        bytes.extend(flags.to_be_bytes());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(self.src.octets());
        bytes.extend(self.dst.octets());
        bytes.extend(carried);
        bytes
    }
}

impl fmt::Display for Parcel {
    /// Prints a short form of tcpdump's output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { src, dst, protocol, sport, dport, flags, .. } = self;
        match *protocol {
            TCP => {
                let letters = "FSRP.UEW".chars().enumerate().filter(|(n, _)| flags & (1 << n) > 0);
                let letters: String = letters.map(|(_, letter)| letter).collect();
                write!(f, "{src}.{sport} > {dst}.{dport}: tcp [{letters}]")?;
            }
            UDP => write!(f, "{src}.{sport} > {dst}.{dport}: udp")?,
            ICMP => write!(f, "{src} > {dst}: icmp type {sport} code {dport}")?,
            other => write!(f, "{src} > {dst}: protocol {other}")?,
        }
        if self.fragmented {
            f.write_str(", fragmented")?;
        }
        match self.tos {
            0 => Ok(()),
            tos => write!(f, ", tos {tos:#x}"),
        }
    }
}

/// The protocol of the `n`th packet, and its kind. For `Any`, the first 256 packets are
/// one of each protocol, and the next 256 one of each ICMP type.
fn protocol(chance: &mut Chance, options: &SweepOptions, n: usize, named: &Named) -> (u8, SweepKind) {
    let kind = chance.one_of(&options.kinds).unwrap_or(SweepKind::Any);
    let protocol = match kind {
        SweepKind::Tcp => TCP,
        SweepKind::Udp => UDP,
        SweepKind::Icmp => ICMP,
        SweepKind::Any => match n {
            0..256 => n as u8,
            256..512 => ICMP,
            _ => match chance.one_of(&named.protocols).filter(|_| chance.mostly()) {
                Some(protocol) => protocol,
                None if chance.mostly() => chance.one_of(&[TCP, TCP, TCP, UDP, UDP, ICMP]).unwrap_or(TCP),
                None => chance.below(256) as u8,
            },
        },
    };
    (protocol, kind)
}
