//! The sysctls that every namespace starts with.
//!
//! A new namespace copies the IPv4 settings of the machine's first one, where
//! Docker or an administrator may have changed them. So those are put back to
//! what the kernel's documentation gives (`ip-sysctl.rst`), and a few are
//! chosen so that the same lab gives the same bytes.

use super::{NetError, Netns, Network};

/// What nslab chooses for the namespaces of a script lab, other than the
/// kernel's defaults: the key, the value, and why.
pub const CHOSEN: [(&str, &str, &str); 3] = [
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
    ("net.ipv4.icmp_ratelimit", "0", "no ICMP error is held back"),
];

/// How long a link of a script lab waits for an answer to an ARP or ND
/// question, in milliseconds, before it asks again; after three questions the
/// neighbour counts as failed. The kernel's default of a second would make
/// `Destination Host Unreachable` a matter of three.
pub(super) const RETRANS_TIME_MS: u64 = 100;

/// What a namespace copies from the machine, with the kernel's own defaults.
const COPIED: [(&str, &str); 26] = [
    ("net.ipv4.conf.all.accept_local", "0"),
    ("net.ipv4.conf.all.accept_redirects", "1"),
    ("net.ipv4.conf.all.accept_source_route", "0"),
    ("net.ipv4.conf.all.arp_accept", "0"),
    ("net.ipv4.conf.all.arp_announce", "0"),
    ("net.ipv4.conf.all.arp_filter", "0"),
    ("net.ipv4.conf.all.arp_ignore", "0"),
    ("net.ipv4.conf.all.forwarding", "0"),
    ("net.ipv4.conf.all.proxy_arp", "0"),
    ("net.ipv4.conf.all.route_localnet", "0"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.all.secure_redirects", "1"),
    ("net.ipv4.conf.all.send_redirects", "1"),
    ("net.ipv4.conf.default.accept_local", "0"),
    ("net.ipv4.conf.default.accept_redirects", "1"),
    ("net.ipv4.conf.default.accept_source_route", "1"),
    ("net.ipv4.conf.default.arp_accept", "0"),
    ("net.ipv4.conf.default.arp_announce", "0"),
    ("net.ipv4.conf.default.arp_filter", "0"),
    ("net.ipv4.conf.default.arp_ignore", "0"),
    ("net.ipv4.conf.default.forwarding", "0"),
    ("net.ipv4.conf.default.proxy_arp", "0"),
    ("net.ipv4.conf.default.route_localnet", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.conf.default.secure_redirects", "1"),
    ("net.ipv4.conf.default.send_redirects", "1"),
];

/// Which of the copied settings this machine has otherwise. Every namespace
/// copies the same ones, so the first tells for all.
pub(super) fn differing(network: &Network, first: &Netns) -> Vec<(&'static str, &'static str)> {
    let differs = |(key, value): &(&str, &str)| {
        network.read_sysctl(first, key).is_ok_and(|found| found != *value)
    };
    COPIED.into_iter().filter(differs).collect()
}

/// Gives a fresh namespace its settings.
pub(super) fn apply(
    network: &Network,
    netns: &Netns,
    differing: &[(&'static str, &'static str)],
    ipv6: bool,
) -> Result<(), NetError> {
    let chosen = CHOSEN.iter().map(|(key, value, _)| (*key, *value));
    let off = [
        ("net.ipv6.conf.all.disable_ipv6", "1"),
        ("net.ipv6.conf.default.disable_ipv6", "1"),
    ];
    let off = off.into_iter().filter(|_| !ipv6);
    for (key, value) in differing.iter().copied().chain(chosen).chain(off) {
        // A kernel without IPv6 has no such file, and no need of it.
        match network.write_sysctl(netns, key, value) {
            Err(error) if !(key.starts_with("net.ipv6") && error.error.contains("No such file")) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}
