//! The sysctls that every namespace starts with.
//!
//! A new namespace copies the IPv4 settings of the machine's first one, where
//! Docker or an administrator may have changed them. So those are reset to the
//! kernel's documented defaults (`ip-sysctl.rst`). A few are chosen so that the
//! same lab gives the same bytes.

use crate::net::{NetError, Netns, Network};
use std::collections::BTreeMap;

/// Settings that nslab chooses for the namespaces of a script lab, other than
/// the kernel's defaults: the key, the value, and the reason.
pub const CHOSEN: [(&str, &str, &str); 5] = [
    (
        "net.ipv6.conf.default.accept_dad",
        "0",
        "an IPv6 address can be used at once, not after one or two seconds",
    ),
    (
        "net.ipv6.conf.default.router_solicitations",
        "0",
        "nobody asks for routers at times of its own choosing",
    ),
    (
        "net.ipv6.conf.default.mldv2_unsolicited_report_interval",
        "86400000",
        "nobody repeats a multicast report at a random time, which a bridge floods to all its ports",
    ),
    // Not `icmp_ratelimit=0`: once the limit was checked, the kernel drops all
    // tokens that a router still has for errors about unreachable networks. The
    // masks also exempt these errors from the machine-wide limit (before Linux
    // 6.13), which others may have used up.
    ("net.ipv4.icmp_ratemask", "0", "no ICMP error is held back"),
    ("net.ipv6.icmp.ratemask", "255", "no ICMPv6 error is held back"),
];

/// The time that a link of a script lab waits for an answer to an ARP or ND
/// request before it repeats it, in milliseconds. After three requests the
/// neighbour counts as failed. With the kernel's default of one second,
/// `Destination Host Unreachable` would take three seconds.
pub(in crate::net) const RETRANS_TIME_MS: u64 = 100;

/// Settings that a namespace copies from the machine, below
/// `net.ipv4.conf.{all,default}`, with the kernel's own default for each of the
/// two.
const COPIED: [(&str, &str, &str); 15] = [
    ("accept_local", "0", "0"),
    ("accept_redirects", "1", "1"),
    ("accept_source_route", "0", "1"),
    ("arp_accept", "0", "0"),
    ("arp_announce", "0", "0"),
    ("arp_filter", "0", "0"),
    ("arp_ignore", "0", "0"),
    ("forwarding", "0", "0"),
    ("log_martians", "0", "0"),
    ("promote_secondaries", "0", "0"),
    ("proxy_arp", "0", "0"),
    ("route_localnet", "0", "0"),
    ("rp_filter", "0", "0"),
    ("secure_redirects", "1", "1"),
    ("send_redirects", "1", "1"),
];

/// A setting: its key and value.
pub(in crate::net) type Setting = (String, &'static str);

/// The copied settings that differ on this machine. Every namespace copies the
/// same ones, so the first one is enough.
pub(in crate::net) fn differing(network: &Network, first: &Netns) -> Vec<Setting> {
    let mut differing = Vec::new();
    for group in ["all", "default"] {
        let folder = format!("net.ipv4.conf.{group}");
        let names = COPIED.iter().map(|(name, ..)| *name);
        let found = network.read_sysctls(first, &folder, names);
        for ((name, all, default), found) in COPIED.iter().zip(found) {
            let wanted = if group == "all" { *all } else { *default };
            if found.is_some_and(|found| found != wanted) {
                differing.push((format!("{folder}.{name}"), wanted));
            }
        }
    }
    differing
}

/// Applies the settings to a new namespace.
pub(in crate::net) fn apply(
    network: &Network,
    netns: &Netns,
    differing: &[Setting],
    chosen: bool,
    ipv6: bool,
) -> Result<(), NetError> {
    let chosen = CHOSEN.iter().filter(|_| chosen).map(|(key, value, _)| (*key, *value));
    let off = [("net.ipv6.conf.all.disable_ipv6", "1"), ("net.ipv6.conf.default.disable_ipv6", "1")];
    let off = off.into_iter().filter(|_| !ipv6);
    let differing = differing.iter().map(|(key, value)| (key.as_str(), *value));
    // Grouped by folder: the more namespaces there are, the longer the kernel
    // takes for each path lookup in a namespace.
    let mut folders: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (key, value) in differing.chain(chosen).chain(off) {
        let (folder, name) = key.rsplit_once('.').expect("each key here is below a folder");
        folders.entry(folder).or_default().push((name, value));
    }
    for (folder, settings) in folders {
        // A kernel without IPv6 has no such folder and does not need it.
        match network.write_sysctls(netns, folder, &settings) {
            Err(error) if !(folder.starts_with("net.ipv6") && error.errno == Some(libc::ENOENT)) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}
