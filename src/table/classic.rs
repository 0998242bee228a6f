//! Tables in the format of net-tools: `route -n` and `arp -n`.

use super::{NeighState, Neighbour, Route};
use std::net::Ipv4Addr;

/// Formats `route -n` (route(8)), which knows only IPv4.
pub(super) fn routes(routes: &[Route]) -> String {
    let mut text = String::from("Kernel IP routing table\n");
    text += "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface";
    for route in routes {
        let Some((dst, mask, host)) = destination(&route.dst) else { continue };
        let refused = matches!(route.kind.as_str(), "unreachable" | "prohibit");
        // route(8) does not read the table of local routes.
        if matches!(route.kind.as_str(), "local" | "broadcast" | "anycast" | "multicast") {
            continue;
        }
        // It shows only the first of several next hops.
        let first = route.more.iter().find_map(|word| word.strip_prefix("nexthop "));
        let word = |name: &str| {
            let mut words = first?.split(' ').skip_while(|word| *word != name);
            words.nth(1)
        };
        let via = route.via.as_deref().or_else(|| word("via"));
        let gateway = via.filter(|via| via.parse::<Ipv4Addr>().is_ok());
        let mut flags = String::from(if refused { "!" } else { "U" });
        if gateway.is_some() {
            flags.push('G');
        }
        if host {
            flags.push('H');
        }
        let gateway = if refused { "-" } else { gateway.unwrap_or("0.0.0.0") };
        let metric = route.metric.unwrap_or(0);
        let (used, nowhere) = if refused { ("-", "-") } else { ("0", "*") };
        let dev = route.dev.as_deref().or_else(|| word("dev")).filter(|_| !refused).unwrap_or(nowhere);
        let mask = mask.to_string();
        text += &format!("\n{dst:<15} {gateway:<15} {mask:<15} {flags:<5} {metric:<6} {used:<6}   0 {dev}");
    }
    text
}

/// Returns the network, its mask, and whether it is a single host's.
fn destination(dst: &str) -> Option<(String, Ipv4Addr, bool)> {
    let (address, length) = match dst.split_once('/') {
        Some((address, length)) => (address, length.parse().ok()?),
        None if dst == "default" => ("0.0.0.0", 0),
        None => (dst, 32),
    };
    let address: Ipv4Addr = address.parse().ok()?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Some((address.to_string(), mask.into(), length == 32))
}

/// Formats `arp -n` (arp(8)), which knows only IPv4.
pub(super) fn neighbours(neighbours: &[Neighbour]) -> String {
    let rows: Vec<&Neighbour> =
        neighbours.iter().filter(|neighbour| neighbour.ip.parse::<Ipv4Addr>().is_ok()).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        "Address                  HWtype  HWaddress           Flags Mask            Iface".to_string();
    for Neighbour { ip, mac, dev, state } in rows {
        let (kind, address, flags) = match (mac, state) {
            (Some(mac), NeighState::Permanent) => ("ether", mac.as_str(), "CM"),
            (Some(mac), NeighState::Resolved) => ("ether", mac.as_str(), "C"),
            _ => {
                text += &format!("\n{ip:<23}          (incomplete)                              {dev}");
                continue;
            }
        };
        text += &format!("\n{ip:<23}  {kind:<7} {address:<17}   {flags:<5} {:<15} {dev}", "");
    }
    text
}
