//! The statements of a rule, in nft's words.

use super::field::Base;
use super::kind::{ICMP_CODES, ICMP6_CODES, ICMPX_CODES, Kind, flags, named};
use super::part::RulePart;
use super::speech::{Content, Speaker};
use crate::net::kernel::nfnetlink::{number, text};

/// A verdict (`NFTA_VERDICT_*`).
pub(super) fn verdict(bytes: &[u8]) -> String {
    let code = number(bytes, 1).unwrap_or_default() as i32;
    let chain = text(bytes, 2).unwrap_or_default();
    match code {
        0 => "drop".into(),
        1 => "accept".into(),
        -1 => "continue".into(),
        -2 => "break".into(),
        -3 => format!("jump {chain}"),
        -4 => format!("goto {chain}"),
        -5 => "return".into(),
        other => format!("[verdict {other}]"),
    }
}

/// Translates a statement; an unsupported one by its name.
pub(super) fn speak(speaker: &mut Speaker, name: &str, data: &[u8]) {
    let words = match name {
        "limit" => limit(data),
        "log" => log(data),
        "reject" => reject(speaker, data),
        "nat" => nat(speaker, data),
        "masq" => {
            let ports = ports(speaker, data, 2, 3);
            let to = if ports.is_empty() { String::new() } else { format!(" to {ports}") };
            format!("masquerade{to}{}", nat_flags(number(data, 1)))
        }
        "redir" => {
            let ports = ports(speaker, data, 1, 2);
            let to = if ports.is_empty() { String::new() } else { format!(" to {ports}") };
            format!("redirect{to}{}", nat_flags(number(data, 3)))
        }
        "notrack" => "notrack".into(),
        "queue" => queue(data),
        "quota" => {
            let over = if over(data, 2) { "over " } else { "" };
            format!("quota {over}{}", quantity(number(data, 1).unwrap_or_default()))
        }
        "connlimit" => {
            let over = if over(data, 2) { "over " } else { "" };
            format!("ct count {over}{}", number(data, 1).unwrap_or_default())
        }
        "objref" => match (number(data, 1), text(data, 2)) {
            (Some(1), Some(name)) => format!("counter name \"{name}\""),
            (Some(2), Some(name)) => format!("quota name \"{name}\""),
            (Some(3), Some(name)) => format!("ct helper set \"{name}\""),
            (Some(4), Some(name)) => format!("limit name \"{name}\""),
            _ => "[objref]".into(),
        },
        other => return speaker.unknown(other),
    };
    // These may stop a packet, the others act on each one.
    let may_fail = matches!(name, "limit" | "quota" | "connlimit")
        || name == "objref" && !words.starts_with("counter") && !words.starts_with("ct helper");
    speaker.say(if may_fail { RulePart::condition(words) } else { RulePart::statement(words) });
}

fn over(data: &[u8], kind: u16) -> bool {
    number(data, kind).is_some_and(|flags| flags & 1 != 0)
}

/// Formats bytes in the largest unit that gives a whole number.
fn quantity(bytes: u64) -> String {
    let units = [(1 << 20, "mbytes"), (1 << 10, "kbytes")];
    match units.iter().find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

fn limit(data: &[u8]) -> String {
    let value = |kind| number(data, kind).unwrap_or_default();
    let unit = match value(2) {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        604_800 => "week",
        _ => "[unit]",
    };
    let over = if over(data, 5) { "over " } else { "" };
    let (rate, burst) = (value(1), value(3));
    if value(4) == 1 {
        let burst =
            if burst == 0 || burst == 5 { String::new() } else { format!(" burst {}", quantity(burst)) };
        return format!("limit rate {over}{}/{unit}{burst}", quantity(rate));
    }
    // The default of nft and iptables.
    let burst = if burst == 0 || burst == 5 { String::new() } else { format!(" burst {burst} packets") };
    format!("limit rate {over}{rate}/{unit}{burst}")
}

fn log(data: &[u8]) -> String {
    let prefix = text(data, 2).map(|prefix| format!(" prefix \"{prefix}\"")).unwrap_or_default();
    if let Some(group) = number(data, 1) {
        let snaplen = number(data, 3).filter(|length| *length > 0);
        let snaplen = snaplen.map(|length| format!(" snaplen {length}")).unwrap_or_default();
        let queue = number(data, 4).filter(|length| *length > 0);
        let queue = queue.map(|length| format!(" queue-threshold {length}")).unwrap_or_default();
        return format!("log{prefix} group {group}{snaplen}{queue}");
    }
    let flags = log_flags(number(data, 6).unwrap_or_default());
    format!("log{prefix}{}{flags}", log_level(number(data, 5)))
}

/// The log level, unless it is the default.
pub(super) fn log_level(level: Option<u64>) -> String {
    let names = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"];
    match level {
        None | Some(4) => String::new(),
        Some(level) => format!(" level {}", names.get(level as usize).copied().unwrap_or("[unknown]")),
    }
}

pub(super) fn log_flags(bits: u64) -> String {
    if bits == 0x2f {
        return " flags all".into();
    }
    let mut words = String::new();
    match bits & 3 {
        1 => words += " flags tcp sequence",
        2 => words += " flags tcp options",
        3 => words += " flags tcp sequence,options",
        _ => {}
    }
    for (bit, name) in [(4, "ip options"), (8, "skuid"), (0x20, "ether")] {
        if bits & bit != 0 {
            words += &format!(" flags {name}");
        }
    }
    words
}

fn reject(speaker: &mut Speaker, data: &[u8]) -> String {
    let code = number(data, 2).unwrap_or_default() as u8;
    let v6 = speaker.is_ipv6();
    if number(data, 1) == Some(0) {
        // The statement itself implies the family.
        speaker.imply(Base::Network);
    }
    match number(data, 1) {
        Some(0) if v6 && code == 4 => "reject".into(),
        Some(0) if v6 => format!("reject with icmpv6 {}", named(&ICMP6_CODES, code)),
        Some(0) if i32::from(speaker.context.family) == libc::AF_INET && code == 3 => "reject".into(),
        Some(0) => format!("reject with icmp {}", named(&ICMP_CODES, code)),
        Some(1) => "reject with tcp reset".into(),
        Some(2) if code == 1 => "reject".into(),
        Some(2) => format!("reject with icmpx {}", named(&ICMPX_CODES, code)),
        _ => "[reject]".into(),
    }
}

/// The ports in two registers, as `:80` or `:80-90`.
fn ports(speaker: &Speaker, data: &[u8], from: u16, to: u16) -> String {
    let port = |kind| {
        let content = speaker.content(number(data, kind)?);
        Some(speaker.value(&content, Kind::Number))
    };
    match (port(from), port(to)) {
        (None, _) => String::new(),
        (Some(from), Some(to)) if to != from => format!(":{from}-{to}"),
        (Some(from), _) => format!(":{from}"),
    }
}

fn nat(speaker: &mut Speaker, data: &[u8]) -> String {
    let kind = if number(data, 1) == Some(0) { "snat" } else { "dnat" };
    let v6 = number(data, 2) == Some(libc::AF_INET6 as u64);
    let mixed = speaker.context.family == 1;
    let address = |attribute| {
        let content = speaker.content(number(data, attribute)?);
        let kind = if v6 { Kind::Ipv6 } else { Kind::Ipv4 };
        Some((speaker.value(&content, kind), matches!(content, Content::Constant(_))))
    };
    let ports = ports(speaker, data, 5, 6);
    let bracket = |text: String| if v6 && !ports.is_empty() { format!("[{text}]") } else { text };
    let to = match (address(3), address(4)) {
        (None, _) => String::new(),
        (Some((from, true)), Some((to, _))) if from != to => format!("{}-{}", bracket(from), bracket(to)),
        (Some((from, true)), _) => bracket(from),
        (Some((words, false)), _) => words,
    };
    let family = match (mixed && !to.is_empty(), v6) {
        (false, _) => "",
        (true, false) => " ip",
        (true, true) => " ip6",
    };
    format!("{kind}{family} to {to}{ports}{}", nat_flags(number(data, 7)))
}

/// `NF_NAT_RANGE_*` of the kernel.
pub(super) fn nat_flags(bits: Option<u64>) -> String {
    let bits = bits.unwrap_or_default() & 0x1c;
    let names = [(0x4, "random"), (0x10, "fully-random"), (0x8, "persistent")];
    if bits == 0 { String::new() } else { format!(" {}", flags(bits, &names)) }
}

fn queue(data: &[u8]) -> String {
    let (from, total) = (number(data, 1).unwrap_or_default(), number(data, 2).unwrap_or(1));
    let bits = number(data, 3).unwrap_or_default() & 3;
    let flags = match bits {
        0 => String::new(),
        bits => format!(" flags {}", flags(bits, &[(1, "bypass"), (2, "fanout")])),
    };
    let to = if total > 1 { format!("{from}-{}", from.saturating_add(total - 1)) } else { from.to_string() };
    format!("queue{flags} to {to}")
}
