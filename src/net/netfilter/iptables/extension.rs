//! iptables extensions (`-m` and `-j`) within a rule of nf_tables. Each has a
//! name, a revision, and a kernel structure (`include/uapi/linux/netfilter`),
//! which is named at each extension.

use super::{IptablesRule, Match};
use crate::net::Family;
use crate::net::netfilter::expression::Expressions;
use crate::net::netfilter::packet::{Condition, STATES};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an extension is a match or a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Match,
    Target,
}

/// An extension that this code supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extension {
    /// `--icmp-type`, `--icmpv6-type`: a type, and the range of its codes.
    Icmp { kind: u8, codes: (u8, u8), not: bool },
    /// `--src-range`, `--dst-range`.
    Range { source: bool, from: IpAddr, to: IpAddr, not: bool },
    /// `--sports`, `--dports`: ports, and ranges of them.
    Ports { source: bool, ports: Vec<(u16, u16)>, not: bool },
    /// `REJECT`, with the kernel's number of its answer to the sender.
    Reject(u32),
    /// `DNAT` (`destination`) or `SNAT`.
    Nat { destination: bool, to: IpAddr, ports: Option<(u16, u16)> },
    /// `REDIRECT`.
    Redirect(Option<(u16, u16)>),
    /// `MASQUERADE`.
    Masquerade,
    /// `MARK --set-xmark`.
    SetMark { mark: u32, mask: u32 },
    /// `CT --notrack`.
    NoTrack,
    /// `CT --zone`.
    Zone(u16),
    /// `TTL --ttl-set`.
    SetTtl(u8),
}

/// The answers of `REJECT`, with the kernel's numbers (`enum ipt_reject_with`
/// and `enum ip6t_reject_with`), as iptables prints them.
const REJECTIONS: [(u32, &str); 7] = [
    (0, "icmp-net-unreachable"),
    (1, "icmp-host-unreachable"),
    (2, "icmp-proto-unreachable"),
    (3, "icmp-port-unreachable"),
    (5, "icmp-net-prohibited"),
    (6, "icmp-host-prohibited"),
    (8, "icmp-admin-prohibited"),
];
const REJECTIONS_6: [(u32, &str); 6] = [
    (0, "icmp6-no-route"),
    (1, "icmp6-adm-prohibited"),
    (3, "icmp6-addr-unreachable"),
    (4, "icmp6-port-unreachable"),
    (7, "icmp6-policy-fail"),
    (8, "icmp6-reject-route"),
];
/// The same for the answer that resets a TCP connection.
const RESET: &str = "tcp-reset";
const RESET_4: u32 = 7;
const RESET_6: u32 = 6;

/// The number of an answer to the sender.
pub(super) fn rejection(family: Family, name: &str) -> Option<u32> {
    let v6 = family == Family::Inet6;
    if name == RESET {
        return Some(if v6 { RESET_6 } else { RESET_4 });
    }
    let known: &[(u32, &str)] = if v6 { &REJECTIONS_6 } else { &REJECTIONS };
    known.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

fn rejection_name(family: Family, number: u32) -> Option<&'static str> {
    let v6 = family == Family::Inet6;
    if number == if v6 { RESET_6 } else { RESET_4 } {
        return Some(RESET);
    }
    let known: &[(u32, &str)] = if v6 { &REJECTIONS_6 } else { &REJECTIONS };
    known.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// The states of a connection, in the order in which iptables prints them, with
/// the kernel's bits (`XT_CONNTRACK_STATE_*`).
const PRINTED: [(&str, u16); 5] =
    [("invalid", 1), ("new", 8), ("related", 4), ("established", 2), ("untracked", 256)];

/// The words of `--ctstate` for some of [`STATES`].
pub(super) fn states(mask: u8) -> String {
    let has =
        |name: &str| STATES.iter().position(|known| *known == name).is_some_and(|bit| mask & 1 << bit != 0);
    let names: Vec<String> =
        PRINTED.iter().filter(|(name, _)| has(name)).map(|(name, _)| name.to_uppercase()).collect();
    names.join(",")
}

/// `XT_CONNTRACK_STATE`, `IPRANGE_SRC`, `IPRANGE_DST`, `NF_NAT_RANGE_MAP_IPS`
/// and `NF_NAT_RANGE_PROTO_SPECIFIED`.
const CONNTRACK_STATE: u16 = 1;
const RANGE_SOURCE: u8 = 1;
const RANGE_DESTINATION: u8 = 2;
const NAT_ADDRESSES: u32 = 1;
const NAT_PORTS: u32 = 2;
/// `XT_CT_NOTRACK`.
const CT_NOTRACK: u16 = 1;

impl Extension {
    fn kind(&self) -> Kind {
        match self {
            Self::Icmp { .. } | Self::Range { .. } | Self::Ports { .. } => Kind::Match,
            _ => Kind::Target,
        }
    }

    /// The kernel's name of the extension, and the revision that iptables
    /// writes.
    fn name(&self, family: Family) -> (&'static str, u32) {
        match self {
            Self::Icmp { .. } => (if family == Family::Inet6 { "icmp6" } else { "icmp" }, 0),
            Self::Range { .. } => ("iprange", 1),
            Self::Ports { .. } => ("multiport", 1),
            Self::Reject(_) => ("REJECT", 0),
            Self::Nat { destination: true, .. } => ("DNAT", 2),
            // Revision 1 is for IPv6, and revision 0 for IPv4.
            Self::Nat { .. } => ("SNAT", u32::from(family == Family::Inet6)),
            Self::Redirect(_) => ("REDIRECT", 0),
            Self::Masquerade => ("MASQUERADE", 0),
            Self::SetMark { .. } => ("MARK", 2),
            Self::NoTrack | Self::Zone(_) => ("CT", 2),
            Self::SetTtl(_) => ("TTL", 0),
        }
    }

    /// Adds it to a rule's expressions.
    pub(super) fn express(&self, all: &mut Expressions, family: Family) {
        let kind = if self.kind() == Kind::Match { "match" } else { "target" };
        let (name, revision) = self.name(family);
        all.extension(kind, name, revision, &self.info(family));
    }

    /// The kernel's structure.
    fn info(&self, family: Family) -> Vec<u8> {
        match self {
            // `ipt_icmp`, `icmp6`: type, codes, inverted.
            Self::Icmp { kind, codes, not } => vec![*kind, codes.0, codes.1, u8::from(*not)],
            // `xt_iprange_mtinfo`: sources, destinations, flags.
            Self::Range { source, from, to, not } => {
                let (own, other) = ([octets(*from), octets(*to)].concat(), vec![0; 32]);
                let bit = if *source { RANGE_SOURCE } else { RANGE_DESTINATION };
                let flags = if *not { bit | bit << 4 } else { bit };
                match source {
                    true => [own, other, vec![flags]].concat(),
                    false => [other, own, vec![flags]].concat(),
                }
            }
            // `xt_multiport_v1`: which ports, their number, the ports, whether
            // each begins a range, inverted.
            Self::Ports { source, ports, not } => {
                let mut numbers = Vec::new();
                for (from, to) in ports {
                    numbers.push((*from, to > from));
                    numbers.extend((to > from).then_some((*to, false)));
                }
                let mut info = vec![0; 48];
                info[0] = u8::from(!source);
                info[1] = numbers.len() as u8;
                for (at, (port, begins)) in numbers.into_iter().enumerate() {
                    info[2 + at * 2..4 + at * 2].copy_from_slice(&port.to_ne_bytes());
                    info[32 + at] = u8::from(begins);
                }
                info[47] = u8::from(*not);
                info
            }
            // `ipt_reject_info`, `ip6t_reject_info`.
            Self::Reject(with) => with.to_ne_bytes().to_vec(),
            // `nf_nat_range2`.
            Self::Nat { destination: true, to, ports } => {
                let base = [0; 4];
                [nat_range(*to, *ports), base[..2].to_vec()].concat()
            }
            Self::Nat { to: IpAddr::V6(_), .. } if family == Family::Inet6 => self.nat_range_6(),
            // `nf_nat_ipv4_multi_range_compat` with one range.
            Self::Nat { to, ports, .. } => multi_range(Some(*to), *ports),
            Self::Redirect(ports) if family == Family::Inet => multi_range(None, *ports),
            Self::Masquerade if family == Family::Inet => multi_range(None, None),
            Self::Redirect(_) | Self::Masquerade => self.nat_range_6(),
            // `xt_mark_tginfo2`.
            Self::SetMark { mark, mask } => [mark.to_ne_bytes(), mask.to_ne_bytes()].concat(),
            // `xt_ct_target_info_v1`.
            Self::NoTrack => ct(CT_NOTRACK, 0),
            Self::Zone(zone) => ct(0, *zone),
            // `ipt_TTL_info`: the mode that sets, and the value.
            Self::SetTtl(ttl) => vec![0, *ttl],
        }
    }

    /// `nf_nat_range`.
    fn nat_range_6(&self) -> Vec<u8> {
        match self {
            Self::Nat { to, ports, .. } => nat_range(*to, *ports),
            Self::Redirect(Some(ports)) => {
                let mut range = nat_range(Ipv6Addr::UNSPECIFIED.into(), Some(*ports));
                range[..4].copy_from_slice(&NAT_PORTS.to_ne_bytes());
                range
            }
            _ => vec![0; 40],
        }
    }

    /// Parses an extension from the kernel, or a condition that iptables writes
    /// as an extension. Returns `None` if it is not supported here.
    pub(super) fn read(kind: Kind, name: &str, revision: u32, info: &[u8], family: Family) -> Option<Match> {
        let v6 = family == Family::Inet6;
        let info = Info(info);
        let found = match (kind, name, revision) {
            (Kind::Match, "conntrack", 3) => return conntrack(&info).map(Match::Is),
            (Kind::Match, "addrtype", 1) => return local(&info).map(Match::Is),
            (Kind::Match, "icmp", 0) if !v6 => icmp(&info),
            (Kind::Match, "icmp6", 0) if v6 => icmp(&info),
            (Kind::Match, "iprange", 1) => range(&info, v6),
            (Kind::Match, "multiport", 1) => ports(&info),
            (Kind::Target, "REJECT", 0) => Some(Self::Reject(info.word(0)?))
                .filter(|_| rejection_name(family, info.word(0).unwrap_or(99)).is_some()),
            (Kind::Target, "DNAT", 2) => nat(&info, true, v6),
            (Kind::Target, "SNAT", 1) if v6 => nat(&info, false, v6),
            (Kind::Target, "SNAT", 0) if !v6 => {
                let (to, ports) = multi(&info)?;
                Some(Self::Nat { destination: false, to: to?, ports })
            }
            (Kind::Target, "REDIRECT", 0) if !v6 => {
                multi(&info).filter(|(to, _)| to.is_none()).map(|(_, ports)| Self::Redirect(ports))
            }
            (Kind::Target, "MASQUERADE", 0) if !v6 => {
                multi(&info).filter(|found| *found == (None, None)).map(|_| Self::Masquerade)
            }
            (Kind::Target, "REDIRECT", 0) => match info.word(0)? {
                NAT_PORTS => Some(Self::Redirect(Some((info.port(36)?, info.port(38)?)))),
                0 => Some(Self::Redirect(None)),
                _ => None,
            },
            (Kind::Target, "MASQUERADE", 0) => (info.word(0)? == 0).then_some(Self::Masquerade),
            (Kind::Target, "MARK", 2) => Some(Self::SetMark { mark: info.word(0)?, mask: info.word(4)? }),
            (Kind::Target, "CT", 2) => untracked(&info),
            (Kind::Target, "TTL", 0) if !v6 => (info.byte(0)? == 0).then_some(Self::SetTtl(info.byte(1)?)),
            _ => None,
        };
        // Encoding it again must give the same bytes, so that no part of it was
        // overlooked.
        found.filter(|found| info.is(&found.info(family))).map(Match::Extension)
    }
}

impl IptablesRule {
    /// The words of an extension, as `iptables-save` prints them.
    pub(super) fn extension_words(&self, extension: &Extension) -> String {
        let v6 = self.family == Family::Inet6;
        let is = |not: &bool| if *not { "! " } else { "" };
        match extension {
            Extension::Icmp { kind, codes, not } => {
                let (name, option) = if v6 { ("icmp6", "icmpv6") } else { ("icmp", "icmp") };
                let kind = match (*kind, *codes) {
                    (u8::MAX, _) if !v6 => "any".into(),
                    (kind, (0, u8::MAX)) => kind.to_string(),
                    (kind, (code, _)) => format!("{kind}/{code}"),
                };
                format!("-m {name} {}--{option}-type {kind}", is(not))
            }
            Extension::Range { source, from, to, not } => {
                let side = if *source { "src" } else { "dst" };
                format!("-m iprange {}--{side}-range {from}-{to}", is(not))
            }
            Extension::Ports { source, ports, not } => {
                let side = if *source { "sports" } else { "dports" };
                let ports: Vec<String> = ports.iter().map(|ports| range_words(*ports, ':')).collect();
                format!("-m multiport {}--{side} {}", is(not), ports.join(","))
            }
            Extension::Reject(with) => {
                let with = rejection_name(self.family, *with).unwrap_or_default();
                format!("-j REJECT --reject-with {with}")
            }
            Extension::Nat { destination, to, ports } => {
                let (target, option) =
                    if *destination { ("DNAT", "destination") } else { ("SNAT", "source") };
                let to = match (to, ports) {
                    (IpAddr::V6(to), Some(_)) => format!("[{to}]"),
                    _ => to.to_string(),
                };
                let ports = ports.map(|ports| format!(":{}", range_words(ports, '-'))).unwrap_or_default();
                format!("-j {target} --to-{option} {to}{ports}")
            }
            Extension::Redirect(None) => "-j REDIRECT".into(),
            Extension::Redirect(Some(ports)) => {
                format!("-j REDIRECT --to-ports {}", range_words(*ports, '-'))
            }
            Extension::Masquerade => "-j MASQUERADE".into(),
            Extension::SetMark { mark, mask } => format!("-j MARK --set-xmark {mark:#x}/{mask:#x}"),
            Extension::NoTrack => "-j CT --notrack".into(),
            Extension::Zone(zone) => format!("-j CT --zone {zone}"),
            Extension::SetTtl(ttl) => format!("-j TTL --ttl-set {ttl}"),
        }
    }
}

/// A port, or a range of them.
pub(super) fn range_words((from, to): (u16, u16), between: char) -> String {
    if from == to { from.to_string() } else { format!("{from}{between}{to}") }
}

/// An address in 16 bytes (`nf_inet_addr`).
fn octets(address: IpAddr) -> Vec<u8> {
    let mut octets = match address {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    octets.resize(16, 0);
    octets
}

/// `nf_nat_range`: flags, the first and the last address, the first and the
/// last port.
fn nat_range(to: IpAddr, ports: Option<(u16, u16)>) -> Vec<u8> {
    let flags = NAT_ADDRESSES | if ports.is_some() { NAT_PORTS } else { 0 };
    let (first, last) = ports.unwrap_or_default();
    [&flags.to_ne_bytes()[..], &octets(to), &octets(to), &first.to_be_bytes(), &last.to_be_bytes()].concat()
}

/// `nf_nat_ipv4_multi_range_compat` with one range.
fn multi_range(to: Option<IpAddr>, ports: Option<(u16, u16)>) -> Vec<u8> {
    let flags = if to.is_some() { NAT_ADDRESSES } else { 0 } | if ports.is_some() { NAT_PORTS } else { 0 };
    let address = to.map_or(vec![0; 4], |to| octets(to)[..4].to_vec());
    let (first, last) = ports.unwrap_or_default();
    let range = [&flags.to_ne_bytes()[..], &address, &address, &first.to_be_bytes(), &last.to_be_bytes()];
    [&1u32.to_ne_bytes()[..], &range.concat()].concat()
}

fn ct(flags: u16, zone: u16) -> Vec<u8> {
    let mut info = vec![0; 72];
    info[..2].copy_from_slice(&flags.to_ne_bytes());
    info[2..4].copy_from_slice(&zone.to_ne_bytes());
    info
}

/// The bytes of an extension's data.
struct Info<'a>(&'a [u8]);

impl Info<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at + N)?.try_into().ok()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        Some(self.bytes::<1>(at)?[0])
    }

    fn half(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_ne_bytes)
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_ne_bytes)
    }

    /// A port, which is big-endian.
    fn port(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    fn address(&self, at: usize, v6: bool) -> Option<IpAddr> {
        match v6 {
            true => self.bytes::<16>(at).map(|bytes| Ipv6Addr::from(bytes).into()),
            false => self.bytes::<4>(at).map(|bytes| Ipv4Addr::from(bytes).into()),
        }
    }

    /// Tells whether the data is these bytes, followed by zeros.
    fn is(&self, bytes: &[u8]) -> bool {
        let (own, rest) = self.0.split_at(bytes.len().min(self.0.len()));
        own == &bytes[..own.len()] && rest.iter().chain(&bytes[own.len()..]).all(|byte| *byte == 0)
    }
}

/// `xt_conntrack_mtinfo3` that matches states and nothing else, unlike the
/// alias that `-m state` uses.
fn conntrack(info: &Info) -> Option<Condition> {
    (info.half(146)? == CONNTRACK_STATE && info.half(148)? == 0).then_some(())?;
    let kernel = info.half(150)?;
    let known = PRINTED.iter().filter(|(_, bit)| kernel & bit != 0);
    let mask = known.clone().filter_map(|(name, _)| STATES.iter().position(|known| known == name));
    let whole = known.map(|(_, bit)| bit).sum::<u16>() == kernel;
    (whole && kernel != 0).then(|| Condition::State(mask.fold(0, |mask, bit| mask | 1 << bit)))
}

/// `xt_addrtype_info_v1` that matches a local destination (`RTN_LOCAL`).
fn local(info: &Info) -> Option<Condition> {
    let asks = (info.half(0)?, info.half(2)?, info.word(4)?) == (0, 1 << 2, 0);
    asks.then_some(Condition::Local)
}

fn icmp(info: &Info) -> Option<Extension> {
    let codes = (info.byte(1)?, info.byte(2)?);
    let one = codes.0 == codes.1 || codes == (0, u8::MAX);
    one.then_some(Extension::Icmp { kind: info.byte(0)?, codes, not: info.byte(3)? & 1 != 0 })
}

fn range(info: &Info, v6: bool) -> Option<Extension> {
    let bits = info.byte(64)?;
    let (source, bit, at) = match bits & (RANGE_SOURCE | RANGE_DESTINATION) {
        RANGE_SOURCE => (true, RANGE_SOURCE, 0),
        RANGE_DESTINATION => (false, RANGE_DESTINATION, 32),
        _ => return None,
    };
    let not = bits & bit << 4 != 0;
    Some(Extension::Range { source, from: info.address(at, v6)?, to: info.address(at + 16, v6)?, not })
}

fn ports(info: &Info) -> Option<Extension> {
    let source = match info.byte(0)? {
        0 => true,
        1 => false,
        _ => return None,
    };
    let count = usize::from(info.byte(1)?);
    let mut ports = Vec::new();
    let mut at = 0;
    while at < count {
        let from = info.half(2 + at * 2)?;
        let begins = info.byte(32 + at)? != 0;
        at += usize::from(begins);
        let to = info.half(2 + at * 2)?;
        ports.push((from, if begins { to } else { from }));
        at += 1;
    }
    Some(Extension::Ports { source, ports, not: info.byte(47)? != 0 })
}

fn nat(info: &Info, destination: bool, v6: bool) -> Option<Extension> {
    let ports = match info.word(0)? {
        NAT_ADDRESSES => None,
        flags if flags == NAT_ADDRESSES | NAT_PORTS => Some((info.port(36)?, info.port(38)?)),
        _ => return None,
    };
    Some(Extension::Nat { destination, to: info.address(4, v6)?, ports })
}

/// The address and the ports of `nf_nat_ipv4_multi_range_compat`.
type To = (Option<IpAddr>, Option<(u16, u16)>);

fn multi(info: &Info) -> Option<To> {
    let flags = info.word(4)?;
    let known = info.word(0)? == 1 && flags & !(NAT_ADDRESSES | NAT_PORTS) == 0;
    let address = (flags & NAT_ADDRESSES != 0).then(|| info.address(8, false)).flatten();
    let ports = (flags & NAT_PORTS != 0).then(|| Some((info.port(16)?, info.port(18)?))).flatten();
    known.then_some((address, ports))
}

fn untracked(info: &Info) -> Option<Extension> {
    match (info.half(0)?, info.half(2)?) {
        (CT_NOTRACK, 0) => Some(Extension::NoTrack),
        (0, zone) if zone != 0 => Some(Extension::Zone(zone)),
        _ => None,
    }
}
