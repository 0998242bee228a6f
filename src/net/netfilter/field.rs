//! Packet fields and packet metadata, by nft's names.

use super::kind::Kind;

/// A field that a rule can match.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub name: String,
    pub kind: Kind,
    /// Its size in bytes.
    pub length: usize,
}

/// A header: the offset, size and kind of each of its fields.
type Header = &'static [(usize, usize, &'static str, Kind)];

const ETHER: Header = &[
    (0, 6, "ether daddr", Kind::Ether),
    (6, 6, "ether saddr", Kind::Ether),
    (12, 2, "ether type", Kind::EtherType),
];
const ARP: Header = &[
    (0, 2, "arp htype", Kind::Number),
    (2, 2, "arp ptype", Kind::EtherType),
    (4, 1, "arp hlen", Kind::Number),
    (5, 1, "arp plen", Kind::Number),
    (6, 2, "arp operation", Kind::ArpOperation),
    (8, 6, "arp saddr ether", Kind::Ether),
    (14, 4, "arp saddr ip", Kind::Ipv4),
    (18, 6, "arp daddr ether", Kind::Ether),
    (24, 4, "arp daddr ip", Kind::Ipv4),
];
const IP: Header = &[
    (1, 1, "ip dscp", Kind::Dscp),
    (2, 2, "ip length", Kind::Number),
    (4, 2, "ip id", Kind::Number),
    (6, 2, "ip frag-off", Kind::Number),
    (8, 1, "ip ttl", Kind::Number),
    (9, 1, "ip protocol", Kind::Protocol),
    (10, 2, "ip checksum", Kind::Number),
    (12, 4, "ip saddr", Kind::Ipv4),
    (16, 4, "ip daddr", Kind::Ipv4),
];
const IP6: Header = &[
    (4, 2, "ip6 length", Kind::Number),
    (6, 1, "ip6 nexthdr", Kind::Protocol),
    (7, 1, "ip6 hoplimit", Kind::Number),
    (8, 16, "ip6 saddr", Kind::Ipv6),
    (24, 16, "ip6 daddr", Kind::Ipv6),
];
const PORTS: Header = &[(0, 2, "sport", Kind::Number), (2, 2, "dport", Kind::Number)];
const TCP: Header = &[
    (0, 2, "sport", Kind::Number),
    (2, 2, "dport", Kind::Number),
    (4, 4, "sequence", Kind::Number),
    (8, 4, "ackseq", Kind::Number),
    (13, 1, "flags", Kind::TcpFlags),
    (14, 2, "window", Kind::Number),
    (16, 2, "checksum", Kind::Number),
    (18, 2, "urgptr", Kind::Number),
];
const UDP: Header = &[
    (0, 2, "sport", Kind::Number),
    (2, 2, "dport", Kind::Number),
    (4, 2, "length", Kind::Number),
    (6, 2, "checksum", Kind::Number),
];
const ICMP: Header = &[
    (0, 1, "type", Kind::IcmpType),
    (1, 1, "code", Kind::IcmpCode),
    (2, 2, "checksum", Kind::Number),
    (4, 2, "id", Kind::Number),
    (6, 2, "sequence", Kind::Number),
];
const ICMP6: Header = &[
    (0, 1, "type", Kind::Icmp6Type),
    (1, 1, "code", Kind::Icmp6Code),
    (2, 2, "checksum", Kind::Number),
    (4, 2, "id", Kind::Number),
    (6, 2, "sequence", Kind::Number),
];
const ESP: Header = &[(0, 4, "spi", Kind::Number), (4, 4, "sequence", Kind::Number)];

/// The header that an offset is relative to (`enum nft_payload_bases`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Link,
    Network,
    Transport,
}

/// The facts about a packet that the rule has matched so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// The EtherType of its frame.
    pub ether: Option<u16>,
    /// The protocol above IP.
    pub protocol: Option<u8>,
}

/// The fields at these bytes of a header: one that begins there, or several in a
/// row. `None` if nft has no name for them.
pub(super) fn fields(base: Base, offset: usize, length: usize, known: Known) -> Option<Vec<Field>> {
    let (prefix, header): (&str, Header) = match (base, known.ether, known.protocol) {
        (Base::Link, ..) => ("", ETHER),
        (Base::Network, Some(0x0800), _) => ("", IP),
        (Base::Network, Some(0x86dd), _) => ("", IP6),
        (Base::Network, Some(0x0806), _) => ("", ARP),
        (Base::Network, ..) => return None,
        (Base::Transport, _, Some(1)) => ("icmp ", ICMP),
        (Base::Transport, _, Some(58)) => ("icmpv6 ", ICMP6),
        (Base::Transport, _, Some(6)) => ("tcp ", TCP),
        (Base::Transport, _, Some(17)) => ("udp ", UDP),
        (Base::Transport, _, Some(33)) => ("dccp ", PORTS),
        (Base::Transport, _, Some(132)) => ("sctp ", PORTS),
        (Base::Transport, _, Some(136)) => ("udplite ", PORTS),
        (Base::Transport, _, Some(50)) => ("esp ", ESP),
        (Base::Transport, ..) => ("th ", PORTS),
    };
    let mut found = Vec::new();
    let (mut at, end) = (offset, offset.checked_add(length).filter(|end| *end > offset)?);
    while at < end {
        let (_, size, name, kind) = header.iter().find(|(offset, ..)| *offset == at)?;
        found.push(Field { name: format!("{prefix}{name}"), kind: *kind, length: *size });
        at += size;
    }
    // The last field may be incomplete only if it is an address.
    let whole = at == end || (found.len() == 1 && matches!(found[0].kind, Kind::Ipv4 | Kind::Ipv6));
    whole.then_some(found)
}

/// Bytes that nft has no name for.
pub(super) fn raw(base: Base, offset: usize, length: usize) -> Field {
    let base = match base {
        Base::Link => "ll",
        Base::Network => "nh",
        Base::Transport => "th",
    };
    let bits = |bytes: usize| bytes.saturating_mul(8);
    Field { name: format!("@{base},{},{}", bits(offset), bits(length)), kind: Kind::Bytes, length }
}

/// The keys of `meta`, by number (`enum nft_meta_keys`).
pub(super) fn meta(key: u64) -> Option<(&'static str, Kind, usize)> {
    Some(match key {
        0 => ("meta length", Kind::HostNumber, 4),
        1 => ("meta protocol", Kind::EtherType, 2),
        2 => ("meta priority", Kind::Class, 4),
        3 => ("meta mark", Kind::Mark, 4),
        4 => ("iif", Kind::InterfaceIndex, 4),
        5 => ("oif", Kind::InterfaceIndex, 4),
        6 => ("iifname", Kind::InterfaceName, 16),
        7 => ("oifname", Kind::InterfaceName, 16),
        8 => ("meta iiftype", Kind::Hardware, 2),
        9 => ("meta oiftype", Kind::Hardware, 2),
        10 => ("meta skuid", Kind::HostNumber, 4),
        11 => ("meta skgid", Kind::HostNumber, 4),
        12 => ("meta nftrace", Kind::Number, 1),
        13 => ("meta rtclassid", Kind::HostNumber, 4),
        15 => ("meta nfproto", Kind::Family, 1),
        16 => ("meta l4proto", Kind::Protocol, 1),
        17 => ("meta ibrname", Kind::InterfaceName, 16),
        18 => ("meta obrname", Kind::InterfaceName, 16),
        19 => ("meta pkttype", Kind::PacketType, 1),
        20 => ("meta cpu", Kind::HostNumber, 4),
        21 => ("iifgroup", Kind::HostNumber, 4),
        22 => ("oifgroup", Kind::HostNumber, 4),
        23 => ("meta cgroup", Kind::HostNumber, 4),
        24 => ("meta random", Kind::HostNumber, 4),
        _ => return None,
    })
}

/// The keys of `ct`, by number (`enum nft_ct_keys`), and by direction.
pub(super) fn ct(key: u64, direction: Option<u64>, ether: Option<u16>) -> Option<(String, Kind, usize)> {
    let side = match direction {
        None => "",
        Some(0) => "original ",
        Some(_) => "reply ",
    };
    let address = match ether {
        Some(0x86dd) => ("ip6", Kind::Ipv6, 16),
        _ => ("ip", Kind::Ipv4, 4),
    };
    let (name, kind, length) = match key {
        0 => ("state".into(), Kind::State, 4),
        1 => ("direction".into(), Kind::Direction, 1),
        2 => ("status".into(), Kind::Status, 4),
        3 => ("mark".into(), Kind::Mark, 4),
        6 => ("helper".into(), Kind::InterfaceName, 16),
        7 => ("l3proto".into(), Kind::Family, 1),
        8 => (format!("{} saddr", address.0), address.1, address.2),
        9 => (format!("{} daddr", address.0), address.1, address.2),
        10 => ("protocol".into(), Kind::Protocol, 1),
        11 => ("proto-src".into(), Kind::Number, 2),
        12 => ("proto-dst".into(), Kind::Number, 2),
        14 => ("packets".into(), Kind::HostNumber, 8),
        15 => ("bytes".into(), Kind::HostNumber, 8),
        16 => ("avgpkt".into(), Kind::HostNumber, 8),
        17 => ("zone".into(), Kind::HostNumber, 2),
        19 => ("ip saddr".into(), Kind::Ipv4, 4),
        20 => ("ip daddr".into(), Kind::Ipv4, 4),
        21 => ("ip6 saddr".into(), Kind::Ipv6, 16),
        22 => ("ip6 daddr".into(), Kind::Ipv6, 16),
        23 => ("id".into(), Kind::HostNumber, 4),
        _ => return None,
    };
    Some((format!("ct {side}{name}"), kind, length))
}
