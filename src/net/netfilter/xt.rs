//! iptables extensions within a rule, in nft's words.

use super::field::Base;
use super::kind::{ICMP_CODES, ICMP6_CODES, Kind, flags, mac, named};
use super::packet::STATES;
use super::part::RulePart;
use super::speech::Speaker;
use super::statement::{log_flags, log_level, nat_flags};
use crate::net::kernel::nfnetlink::{find, number, text};
use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The bytes of an extension's data.
struct Info<'a>(&'a [u8]);

impl Info<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let bytes = self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
        bytes.unwrap_or([0; N])
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes::<1>(at)[0]
    }

    fn half(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.bytes(at))
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(at))
    }

    /// A port, which is big-endian.
    fn port(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.bytes(at))
    }

    fn text(&self, at: usize, most: usize) -> String {
        let bytes = self.0.get(at..).unwrap_or_default();
        let bytes: Vec<u8> = bytes.iter().copied().take(most).take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Translates a `match` or a `target`; an unsupported one by its name.
pub(super) fn speak(speaker: &mut Speaker, kind: &str, data: &[u8]) {
    let name = text(data, 1).unwrap_or_default();
    let revision = number(data, 2).unwrap_or_default();
    let info = Info(find(data, 3).unwrap_or_default());
    let v6 = i32::from(speaker.context.family) == libc::AF_INET6;
    let parts: Option<Vec<RulePart>> = match (kind, name.as_str(), revision) {
        ("match", "comment", _) => {
            speaker.comment(info.text(0, 256));
            return;
        }
        ("match", "tcp" | "udp" | "icmp" | "icmp6" | "multiport", _) => {
            speaker.imply(Base::Transport);
            match name.as_str() {
                "tcp" => tcp(&info),
                "udp" => Some(udp(&info)),
                "icmp" => Some(icmp("icmp", Kind::IcmpType, &info)),
                "icmp6" => Some(icmp("icmpv6", Kind::Icmp6Type, &info)),
                _ => multiport(speaker, &info).map(|part| vec![part]),
            }
        }
        ("match", "conntrack", 1..=3) => conntrack(&info).map(|part| vec![part]),
        ("match", "state", _) => Some(vec![states(info.word(0), "")]),
        ("match", "addrtype", 1) => Some(address_type(&info)),
        ("match", "iprange", 1) => Some(range(&info, v6)),
        ("match", "mac", 0) => {
            Some(vec![RulePart::equal("ether saddr", info.word(8) != 0, mac(&info.bytes::<6>(0)))])
        }
        ("match", "mark", 1) => Some(vec![has_mark("meta", &info)]),
        ("match", "connmark", 1) => Some(vec![has_mark("ct", &info)]),
        ("target", ..) => target(&name, revision, &info, v6).map(|words| vec![RulePart::statement(words)]),
        _ => None,
    };
    let unsupported = || {
        let words = format!("xt {kind} \"{name}\"");
        vec![if kind == "target" { RulePart::statement(words) } else { RulePart::condition(words) }]
    };
    for part in parts.filter(|parts| !parts.is_empty()).unwrap_or_else(unsupported) {
        speaker.say(part);
    }
}

/// Translates a target.
fn target(name: &str, revision: u64, info: &Info, v6: bool) -> Option<String> {
    match (name, revision) {
        ("MASQUERADE", 0) => Some(masquerade(info, v6)),
        ("REDIRECT", 0) => Some(redirect(info, v6)),
        ("DNAT" | "SNAT", 0) if !v6 => Some(nat(name, multi_range(info))),
        ("DNAT" | "SNAT", 1 | 2) => Some(nat(name, nat_range(info, v6))),
        ("REJECT", 0) => Some(reject(info, v6)),
        ("LOG", 0) => {
            let prefix = info.text(2, 30);
            let prefix = if prefix.is_empty() { String::new() } else { format!(" prefix \"{prefix}\"") };
            let flags = log_flags(info.byte(1).into());
            Some(format!("log{prefix}{}{flags}", log_level(Some(info.byte(0).into()))))
        }
        ("MARK", 2) => Some(set_mark("meta", info.word(0), info.word(4))),
        ("CONNMARK", 1) => connmark(info, info.byte(12)),
        ("CONNMARK", 2) if info.byte(13) == 0 => connmark(info, info.byte(14)),
        ("TCPMSS", 0) => Some(match info.half(0) {
            u16::MAX => "tcp option maxseg size set rt mtu".into(),
            size => format!("tcp option maxseg size set {size}"),
        }),
        ("CT", _) if info.half(0) & 1 != 0 => Some("notrack".into()),
        ("NOTRACK", _) => Some("notrack".into()),
        _ => None,
    }
}

/// A port condition; `None` if it matches any port.
fn port(name: &str, from: u16, to: u16, not: bool) -> Option<RulePart> {
    let any = (from, to) == (0, u16::MAX) && !not;
    (!any).then(|| RulePart::equal(name, not, span(from, to)))
}

/// A number, or a range of them.
fn span<T: PartialEq + Display>(from: T, to: T) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}

/// `xt_tcp`
fn tcp(info: &Info) -> Option<Vec<RulePart>> {
    let (mask, value, inverted) = (info.byte(9), info.byte(10), info.byte(11));
    let mut parts: Vec<RulePart> = Vec::new();
    parts.extend(port("tcp sport", info.half(0), info.half(2), inverted & 1 != 0));
    parts.extend(port("tcp dport", info.half(4), info.half(6), inverted & 2 != 0));
    if info.byte(8) != 0 {
        return None;
    }
    if mask != 0 {
        let names = |bits: u8| Kind::TcpFlags.format(&[bits], &Default::default());
        let value = format!("{} / {}", names(value), names(mask));
        parts.push(RulePart::equal("tcp flags", inverted & 4 != 0, value));
    }
    Some(or_protocol(parts, "tcp"))
}

/// `xt_udp`
fn udp(info: &Info) -> Vec<RulePart> {
    let inverted = info.byte(8);
    let mut parts: Vec<RulePart> = Vec::new();
    parts.extend(port("udp sport", info.half(0), info.half(2), inverted & 1 != 0));
    parts.extend(port("udp dport", info.half(4), info.half(6), inverted & 2 != 0));
    or_protocol(parts, "udp")
}

/// The conditions, or that on the protocol alone.
fn or_protocol(parts: Vec<RulePart>, protocol: &str) -> Vec<RulePart> {
    match parts.is_empty() {
        true => vec![RulePart::equal("meta l4proto", false, protocol)],
        false => parts,
    }
}

/// `ipt_icmp` and `ip6t_icmp`
fn icmp(name: &str, kind: Kind, info: &Info) -> Vec<RulePart> {
    let (number, from, to) = (info.byte(0), info.byte(1), info.byte(2));
    if number == u8::MAX {
        return or_protocol(Vec::new(), if name == "icmp" { "icmp" } else { "ipv6-icmp" });
    }
    let kind = kind.format(&[number], &Default::default());
    let mut parts = vec![RulePart::equal(format!("{name} type"), info.byte(3) & 1 != 0, kind)];
    if (from, to) != (0, u8::MAX) {
        parts.push(RulePart::equal(format!("{name} code"), false, span(from, to)));
    }
    parts
}

/// `xt_multiport_v1`
fn multiport(speaker: &Speaker, info: &Info) -> Option<RulePart> {
    let key = match info.byte(0) {
        0 => "sport",
        1 => "dport",
        // Matches either of them; nft has no word for that.
        _ => return None,
    };
    let protocol = speaker.protocol()?;
    let count = usize::from(info.byte(1)).min(15);
    let mut ports: Vec<(u16, String)> = Vec::new();
    let mut at = 0;
    while at < count {
        let from = info.half(2 + at * 2);
        // A flag marks the beginning of a range.
        if info.byte(32 + at) != 0 {
            at += 1;
            ports.push((from, format!("{from}-{}", info.half(2 + at * 2))));
        } else {
            ports.push((from, from.to_string()));
        }
        at += 1;
    }
    let words: Vec<String> = ports.into_iter().map(|(_, words)| words).collect();
    Some(RulePart::equal(format!("{protocol} {key}"), info.byte(47) != 0, one_or_set(&words)))
}

/// A single value, or a set of several.
fn one_or_set(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => format!("{{ {} }}", several.join(", ")),
    }
}

fn states(mask: u32, operator: &str) -> RulePart {
    let names: Vec<(u64, &str)> = [1, 2, 4, 8, 64].into_iter().zip(STATES).collect();
    RulePart::compare("ct state", operator, flags(mask.into(), &names))
}

/// `xt_conntrack_mtinfo3` that matches states and nothing else.
fn conntrack(info: &Info) -> Option<RulePart> {
    const ALIAS: u16 = 1 << 13;
    let (asked, inverted) = (info.half(146) & !ALIAS, info.half(148));
    // iptables uses another bit for untracked connections.
    let mask = match info.half(150) {
        mask if mask & 256 != 0 => mask & !256 | 64,
        mask if mask & (64 | 128) != 0 => return None,
        mask => mask,
    };
    (asked == 1).then(|| states(mask.into(), if inverted & 1 != 0 { "!" } else { "" }))
}

/// `xt_addrtype_info_v1`
fn address_type(info: &Info) -> Vec<RulePart> {
    let (source, destination, bits) = (info.half(0), info.half(2), info.word(4));
    let interface = match bits & 12 {
        4 => " . iif",
        8 => " . oif",
        _ => "",
    };
    let mut parts = Vec::new();
    for (side, mask, not) in [("saddr", source, bits & 1), ("daddr", destination, bits & 2)] {
        if mask == 0 {
            continue;
        }
        let names: Vec<String> = (0..12u32)
            .filter(|bit| mask & (1 << bit) != 0)
            .map(|bit| Kind::AddressType.format(&bit.to_ne_bytes(), &Default::default()))
            .collect();
        parts.push(RulePart::equal(format!("fib {side}{interface} type"), not != 0, one_or_set(&names)));
    }
    parts
}

/// `xt_iprange_mtinfo`
fn range(info: &Info, v6: bool) -> Vec<RulePart> {
    let bits = info.byte(64);
    let ip = |at: usize| match v6 {
        true => Ipv6Addr::from(info.bytes::<16>(at)).to_string(),
        false => Ipv4Addr::from(info.bytes::<4>(at)).to_string(),
    };
    let family = if v6 { "ip6" } else { "ip" };
    let mut parts = Vec::new();
    for (bit, side, at) in [(1, "saddr", 0), (2, "daddr", 32)] {
        if bits & bit != 0 {
            let ips = format!("{}-{}", ip(at), ip(at + 16));
            parts.push(RulePart::equal(format!("{family} {side}"), bits & (bit << 4) != 0, ips));
        }
    }
    parts
}

/// The target of an address translation, as `192.168.15.2:80`, and its flags.
type Range = (String, u32);

/// A range of addresses and of ports; flags are `NF_NAT_RANGE_*`.
fn range_words(bits: u32, addresses: [String; 2], ports: [u16; 2], v6: bool) -> Range {
    let with_ports = bits & 2 != 0;
    let mut words = String::new();
    if bits & 1 != 0 {
        let bracket = |text: &str| if v6 && with_ports { format!("[{text}]") } else { text.to_string() };
        words += &bracket(&addresses[0]);
        if addresses[0] != addresses[1] {
            words += &format!("-{}", bracket(&addresses[1]));
        }
    }
    if with_ports {
        words += &format!(":{}", ports[0]);
        if ports[0] != ports[1] {
            words += &format!("-{}", ports[1]);
        }
    }
    (words, bits)
}

/// `nf_nat_ipv4_multi_range_compat`
fn multi_range(info: &Info) -> Range {
    let ip = |at| Ipv4Addr::from(info.bytes::<4>(at)).to_string();
    range_words(info.word(4), [ip(8), ip(12)], [info.port(16), info.port(18)], false)
}

/// `nf_nat_range` and `nf_nat_range2`
fn nat_range(info: &Info, v6: bool) -> Range {
    let ip = |at| match v6 {
        true => Ipv6Addr::from(info.bytes::<16>(at)).to_string(),
        false => Ipv4Addr::from(info.bytes::<4>(at)).to_string(),
    };
    range_words(info.word(0), [ip(4), ip(20)], [info.port(36), info.port(38)], v6)
}

fn nat(name: &str, (to, bits): Range) -> String {
    format!("{} to {to}{}", name.to_lowercase(), nat_flags(Some(bits.into())))
}

fn masquerade(info: &Info, v6: bool) -> String {
    let (to, bits) = if v6 { nat_range(info, true) } else { multi_range(info) };
    let to = if to.is_empty() { to } else { format!(" to {to}") };
    format!("masquerade{to}{}", nat_flags(Some(bits.into())))
}

fn redirect(info: &Info, v6: bool) -> String {
    let (to, bits) = if v6 { nat_range(info, true) } else { multi_range(info) };
    // A redirect uses the interface's own address, whatever the data has.
    let ports = to.rfind(':').filter(|_| bits & 2 != 0).map(|at| to[at..].to_string());
    let to = ports.map(|ports| format!(" to {ports}")).unwrap_or_default();
    format!("redirect{to}{}", nat_flags(Some(bits.into())))
}

/// `ipt_reject_with` and `ip6t_reject_with`
fn reject(info: &Info, v6: bool) -> String {
    let with = info.word(0);
    if v6 {
        let code = match with {
            0 => 0,
            1 => 1,
            3 => 3,
            4 => return "reject".into(),
            6 => return "reject with tcp reset".into(),
            7 => 5,
            8 => 6,
            _ => return "xt target \"REJECT\"".into(),
        };
        return format!("reject with icmpv6 {}", named(&ICMP6_CODES, code));
    }
    let code = match with {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => return "reject".into(),
        5 => 9,
        6 => 10,
        7 => return "reject with tcp reset".into(),
        8 => 13,
        _ => return "xt target \"REJECT\"".into(),
    };
    format!("reject with icmp {}", named(&ICMP_CODES, code))
}

/// `xt_mark_mtinfo1`, `xt_connmark_mtinfo1`
fn has_mark(whose: &str, info: &Info) -> RulePart {
    let (mark, mask) = (info.word(0), info.word(4));
    let not = info.byte(8) != 0;
    let cut = if mask == u32::MAX { String::new() } else { format!(" & {mask:#010x}") };
    let operator = match (not, mask) {
        (true, _) => "!=",
        (false, u32::MAX) => "",
        (false, _) => "==",
    };
    RulePart::compare(format!("{whose} mark{cut}"), operator, format!("{mark:#010x}"))
}

/// `xt_mark_tginfo2`
fn set_mark(whose: &str, mark: u32, mask: u32) -> String {
    let own = format!("{whose} mark");
    match (mark, mask) {
        (mark, u32::MAX) => format!("{own} set {mark:#010x}"),
        (0, mask) => format!("{own} set {own} & {:#010x}", !mask),
        (mark, mask) if mark == mask => format!("{own} set {own} | {mark:#010x}"),
        (mark, mask) => format!("{own} set {own} & {:#010x} ^ {mark:#010x}", !mask),
    }
}

/// `xt_connmark_tginfo1`, and its second revision, which can shift. nft has no
/// short words for a mark that is saved or restored only in part.
fn connmark(info: &Info, mode: u8) -> Option<String> {
    let whole = info.word(4) == u32::MAX && info.word(8) == u32::MAX;
    match mode {
        0 => Some(set_mark("ct", info.word(0), info.word(4))),
        1 if whole => Some("ct mark set meta mark".into()),
        2 if whole => Some("meta mark set ct mark".into()),
        _ => None,
    }
}
