//! Parts of commands that several cures need.

use crate::net::survey::{Address, PolicyRule};
use crate::net::typed_words;
use crate::why::evidence::ground::Crossing;
use std::net::{IpAddr, Ipv4Addr};

/// Returns the option without which an IPv6 address has to wait for duplicate address
/// detection.
pub(in crate::why) fn nodad(ip: IpAddr) -> &'static str {
    if ip.is_ipv6() { " nodad" } else { "" }
}

/// Returns an address as `ip addr` shows it.
pub(in crate::why) fn show(addr: &Address) -> String {
    format!("{}/{}", addr.ip, addr.prefix_len)
}

/// Returns the `dev` option, which a link-local gateway needs.
pub(in crate::why) fn scope(gateway: IpAddr, step: Crossing) -> String {
    match gateway {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => format!(" dev {}", step.out.link.name),
        _ => String::new(),
    }
}

/// Returns a policy rule's selectors.
pub(in crate::why) fn words(rule: &PolicyRule) -> String {
    let mut words = Vec::new();
    words.extend(rule.not.then(|| "not".to_string()));
    words.extend(rule.from.map(|net| format!("from {net}")));
    words.extend(rule.to.map(|net| format!("to {net}")));
    words.extend(rule.iif.as_ref().map(|dev| format!("iif {dev}")));
    words.extend((rule.tos != 0).then(|| format!("tos {:#x}", rule.tos)));
    words.extend(rule.oif.as_ref().map(|dev| format!("oif {dev}")));
    words.extend(rule.fwmark.map(|mark| format!("fwmark {mark:#x}")));
    words.extend(rule.uidrange.map(|(first, last)| format!("uidrange {first}-{last}")));
    words.extend(rule.ipproto.map(|proto| format!("ipproto {proto}")));
    words.extend(rule.goto.map(|pref| format!("goto {pref}")));
    words.extend(rule.table.map(|table| format!("lookup {table}")));
    if words.is_empty() { "from all".into() } else { words.join(" ") }
}

/// Returns a command as one types it.
pub(in crate::why) fn line(words: &[String]) -> String {
    typed_words(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Explains why an address can't be used on a wire.
pub(in crate::why) fn odd(ip: IpAddr) -> Option<&'static str> {
    let IpAddr::V4(ip) = ip else { return None };
    match ip.octets()[0] {
        0 if ip != Ipv4Addr::UNSPECIFIED => {
            Some("in 0.0.0.0/8 (\"this network\"), for which the kernel makes no route to a neighbour")
        }
        127 => {
            Some("in 127.0.0.0/8, the loopback's own, which never goes over a wire unless route_localnet=1")
        }
        240..=255 if !ip.is_broadcast() => Some("in 240.0.0.0/4, which is reserved"),
        _ => None,
    }
}
