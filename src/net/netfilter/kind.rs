//! The data type of a value in a rule, and its format in nft.

use super::packet::STATES;
use crate::net::kernel::link_names::LinkNames;
use crate::net::notation::protocol::protocol_name;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The data type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ipv4,
    Ipv6,
    Ether,
    /// A protocol above IP.
    Protocol,
    /// IPv4 or IPv6, as the kernel numbers families.
    Family,
    EtherType,
    InterfaceName,
    InterfaceIndex,
    /// A number in network byte order.
    Number,
    /// A number in host byte order.
    HostNumber,
    /// A mark, in hexadecimal.
    Mark,
    /// A traffic control class (tc(8)).
    Class,
    /// The hardware type of an interface.
    Hardware,
    State,
    Status,
    Direction,
    TcpFlags,
    IcmpType,
    Icmp6Type,
    IcmpCode,
    Icmp6Code,
    Dscp,
    AddressType,
    PacketType,
    ArpOperation,
    /// Any other data, as bytes.
    Bytes,
}

const TCP_FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"];

const ICMP_TYPES: [(u8, &str); 15] = [
    (0, "echo-reply"),
    (3, "destination-unreachable"),
    (4, "source-quench"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicitation"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp-request"),
    (14, "timestamp-reply"),
    (15, "info-request"),
    (16, "info-reply"),
    (17, "address-mask-request"),
    (18, "address-mask-reply"),
];

const ICMP6_TYPES: [(u8, &str); 16] = [
    (1, "destination-unreachable"),
    (2, "packet-too-big"),
    (3, "time-exceeded"),
    (4, "parameter-problem"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (130, "mld-listener-query"),
    (131, "mld-listener-report"),
    (132, "mld-listener-done"),
    (133, "nd-router-solicit"),
    (134, "nd-router-advert"),
    (135, "nd-neighbor-solicit"),
    (136, "nd-neighbor-advert"),
    (137, "nd-redirect"),
    (138, "router-renumbering"),
    (143, "mld2-listener-report"),
];

pub(super) const ICMP_CODES: [(u8, &str); 7] = [
    (0, "net-unreachable"),
    (1, "host-unreachable"),
    (2, "prot-unreachable"),
    (3, "port-unreachable"),
    (9, "net-prohibited"),
    (10, "host-prohibited"),
    (13, "admin-prohibited"),
];

pub(super) const ICMP6_CODES: [(u8, &str); 6] = [
    (0, "no-route"),
    (1, "admin-prohibited"),
    (3, "addr-unreachable"),
    (4, "port-unreachable"),
    (5, "policy-fail"),
    (6, "reject-route"),
];

pub(super) const ICMPX_CODES: [(u8, &str); 4] =
    [(0, "no-route"), (1, "port-unreachable"), (2, "host-unreachable"), (3, "admin-prohibited")];

const DSCPS: [(u8, &str); 23] = [
    (0x00, "cs0"),
    (0x01, "lephb"),
    (0x08, "cs1"),
    (0x10, "cs2"),
    (0x18, "cs3"),
    (0x20, "cs4"),
    (0x28, "cs5"),
    (0x30, "cs6"),
    (0x38, "cs7"),
    (0x0a, "af11"),
    (0x0c, "af12"),
    (0x0e, "af13"),
    (0x12, "af21"),
    (0x14, "af22"),
    (0x16, "af23"),
    (0x1a, "af31"),
    (0x1c, "af32"),
    (0x1e, "af33"),
    (0x22, "af41"),
    (0x24, "af42"),
    (0x26, "af43"),
    (0x2c, "va"),
    (0x2e, "ef"),
];

const ADDRESS_TYPES: [&str; 12] = [
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
    "xresolve",
];

const STATUSES: [(u32, &str); 7] = [
    (1, "expected"),
    (2, "seen-reply"),
    (4, "assured"),
    (8, "confirmed"),
    (16, "snat"),
    (32, "dnat"),
    (512, "dying"),
];

const ETHER_TYPES: [(u16, &str); 5] =
    [(0x0800, "ip"), (0x0806, "arp"), (0x86dd, "ip6"), (0x8100, "8021q"), (0x88a8, "8021ad")];

/// The lower two bits of the byte that has a DSCP (RFC 3168).
pub(super) const ECNS: [(u8, &str); 4] = [(0, "not-ect"), (1, "ect1"), (2, "ect0"), (3, "ce")];

/// The name of a number, or the number itself.
pub(super) fn named<N: PartialEq + Copy + ToString>(names: &[(N, &str)], number: N) -> String {
    let name = names.iter().find(|(known, _)| *known == number);
    name.map_or_else(|| number.to_string(), |(_, name)| (*name).into())
}

/// Reads a number in network byte order.
pub(super) fn big(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads a number in host byte order.
pub(super) fn native(bytes: &[u8]) -> u64 {
    match bytes.len() {
        2 => u16::from_ne_bytes([bytes[0], bytes[1]]).into(),
        4 => u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into(),
        8 => bytes.try_into().map(u64::from_ne_bytes).unwrap_or_default(),
        _ => big(bytes),
    }
}

pub(super) fn mac(bytes: &[u8]) -> String {
    crate::table::mac(bytes)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_string(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Kind {
    /// Tells whether a value is in host byte order.
    pub fn is_native(self) -> bool {
        matches!(
            self,
            Self::HostNumber
                | Self::Mark
                | Self::Class
                | Self::Hardware
                | Self::State
                | Self::Status
                | Self::InterfaceIndex
                | Self::AddressType
        )
    }

    /// The value as a number.
    pub fn number(self, bytes: &[u8]) -> u64 {
        if self.is_native() { native(bytes) } else { big(bytes) }
    }

    /// Formats a value in nft's words.
    pub fn format(self, bytes: &[u8], interfaces: &LinkNames) -> String {
        let first = bytes.first().copied().unwrap_or_default();
        match self {
            Self::Ipv4 => match <[u8; 4]>::try_from(bytes) {
                Ok(octets) => Ipv4Addr::from(octets).to_string(),
                Err(_) => hexadecimal(bytes),
            },
            Self::Ipv6 => match <[u8; 16]>::try_from(bytes) {
                Ok(octets) => Ipv6Addr::from(octets).to_string(),
                Err(_) => hexadecimal(bytes),
            },
            Self::Ether => mac(bytes),
            Self::Protocol => protocol_name(first),
            Self::Family => match first {
                2 => "ipv4".into(),
                10 => "ipv6".into(),
                other => other.to_string(),
            },
            Self::EtherType => {
                let number = big(bytes) as u16;
                match ETHER_TYPES.iter().find(|(known, _)| *known == number) {
                    Some((_, name)) => (*name).into(),
                    None => format!("{number:#06x}"),
                }
            }
            Self::InterfaceName => {
                let whole = bytes.contains(&0);
                let name: Vec<u8> = bytes.iter().copied().take_while(|byte| *byte != 0).collect();
                let name = String::from_utf8_lossy(&name);
                format!("\"{name}{}\"", if whole || bytes.len() == 16 { "" } else { "*" })
            }
            Self::InterfaceIndex => {
                let index = native(bytes) as u32;
                interfaces.get(index).map_or_else(|| index.to_string(), |name| format!("\"{name}\""))
            }
            Self::Number => big(bytes).to_string(),
            Self::HostNumber => native(bytes).to_string(),
            Self::Mark => format!("{:#010x}", native(bytes)),
            Self::Class => match native(bytes) {
                0 => "none".into(),
                number if number == u64::from(u32::MAX) => "root".into(),
                number => format!("{:x}:{:x}", number >> 16, number & 0xffff),
            },
            Self::Hardware => named(&[(1, "ether"), (768, "ipip"), (772, "loopback")], native(bytes)),
            Self::State => flags(native(bytes), &kernel_states()),
            Self::Status => {
                let names: Vec<(u64, &str)> =
                    STATUSES.iter().map(|(bit, name)| (u64::from(*bit), *name)).collect();
                flags(native(bytes), &names)
            }
            Self::Direction => if first == 0 { "original" } else { "reply" }.into(),
            Self::TcpFlags => {
                let names: Vec<(u64, &str)> =
                    TCP_FLAGS.iter().enumerate().map(|(bit, name)| (1 << bit, *name)).collect();
                flags(u64::from(first), &names)
            }
            Self::IcmpType => named(&ICMP_TYPES, first),
            Self::Icmp6Type => named(&ICMP6_TYPES, first),
            Self::IcmpCode => named(&ICMP_CODES, first),
            Self::Icmp6Code => named(&ICMP6_CODES, first),
            Self::Dscp => match DSCPS.iter().find(|(known, _)| *known == first >> 2) {
                Some((_, name)) => (*name).into(),
                None => format!("{:#04x}", first >> 2),
            },
            Self::AddressType => {
                let number = native(bytes) as usize;
                ADDRESS_TYPES.get(number).map_or_else(|| number.to_string(), |name| (*name).into())
            }
            Self::PacketType => {
                named(&[(0, "host"), (1, "broadcast"), (2, "multicast"), (3, "other")], first)
            }
            Self::ArpOperation => named(&[(1, "request"), (2, "reply")], big(bytes)),
            Self::Bytes => hexadecimal(bytes),
        }
    }

    /// Tells whether several of its values may be combined, as bits.
    pub fn is_flags(self) -> bool {
        matches!(self, Self::State | Self::Status | Self::TcpFlags)
    }

    /// Formats a range of values, as a prefix if it is one.
    pub fn range(self, from: &[u8], to: &[u8], interfaces: &LinkNames) -> String {
        if matches!(self, Self::Ipv4 | Self::Ipv6)
            && let Some(length) = prefix_of_range(from, to)
        {
            let address = self.format(from, interfaces);
            let whole = usize::from(length) == from.len() * 8;
            return if whole { address } else { format!("{address}/{length}") };
        }
        let (from, to) = (self.format(from, interfaces), self.format(to, interfaces));
        if from == to { from } else { format!("{from}-{to}") }
    }
}

/// The length of the prefix that covers exactly this range of addresses.
fn prefix_of_range(from: &[u8], to: &[u8]) -> Option<u8> {
    let differing: Vec<u8> = from.iter().zip(to).map(|(from, to)| from ^ to).collect();
    let length = prefix_length(&differing.iter().map(|byte| !byte).collect::<Vec<u8>>())?;
    let clear = from.iter().zip(&differing).all(|(from, differing)| from & differing == 0);
    let full = to.iter().zip(&differing).all(|(to, differing)| to & differing == *differing);
    (clear && full).then_some(length)
}

/// The prefix length of a mask, if the mask is contiguous.
pub(super) fn prefix_length(mask: &[u8]) -> Option<u8> {
    let ones: u32 = mask.iter().map(|byte| byte.leading_ones()).take_while(|ones| *ones > 0).sum();
    let all: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let first_gap = mask.iter().position(|byte| *byte != 0xff).unwrap_or(mask.len());
    let sound = ones == all && mask.iter().skip(first_gap + 1).all(|byte| *byte == 0);
    sound.then_some(all as u8)
}

fn kernel_states() -> Vec<(u64, &'static str)> {
    [1, 2, 4, 8, 64].into_iter().zip(STATES).collect()
}

/// The names of the bits, in their order.
pub(super) fn flags(bits: u64, names: &[(u64, &str)]) -> String {
    let known = names.iter().filter(|(bit, _)| bits & bit != 0);
    let mut words: Vec<String> = known.map(|(_, name)| (*name).to_string()).collect();
    let rest = names.iter().fold(bits, |bits, (bit, _)| bits & !bit);
    if rest != 0 || words.is_empty() {
        words.push(format!("{rest:#x}"));
    }
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_prefix_where_its_ones_come_first() {
        assert_eq!(prefix_length(&[255, 255, 240, 0]), Some(20));
        assert_eq!(prefix_length(&[255; 4]), Some(32));
        assert_eq!(prefix_length(&[0; 4]), Some(0));
        assert_eq!(prefix_length(&[255, 0, 255, 0]), None);
        assert_eq!(prefix_length(&[254, 255, 0, 0]), None);
    }

    #[test]
    fn a_range_is_a_network_where_it_is_one() {
        let range = |from: [u8; 4], to: [u8; 4]| Kind::Ipv4.range(&from, &to, &LinkNames::default());
        assert_eq!(range([10, 0, 0, 0], [10, 0, 0, 255]), "10.0.0.0/24");
        assert_eq!(range([10, 0, 0, 1], [10, 0, 0, 9]), "10.0.0.1-10.0.0.9");
        assert_eq!(range([10, 0, 0, 1], [10, 0, 0, 1]), "10.0.0.1");
    }
}
