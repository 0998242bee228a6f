//! Parts of commands that several cures need.

use crate::net::survey::{Address, Hop, PolicyRule, Route};
use crate::net::typed_words;
use crate::why::evidence::ground::Crossing;
use std::net::IpAddr;

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

/// Returns the words that a route needs whose gateway no network of the link has.
pub(in crate::why) fn onlink(route: &Route) -> String {
    let is_onlink = |hop: &Hop| hop.flags.iter().any(|flag| flag == "onlink");
    match route.hops.iter().find(|hop| is_onlink(hop)) {
        Some(hop) => format!(" dev {} onlink", hop.dev),
        None => String::new(),
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

/// Returns ` table N` as a command about a route wants it; nothing for table main.
pub(in crate::why) fn table(route: &Route) -> String {
    if route.table == 254 { String::new() } else { format!(" table {}", route.table) }
}
