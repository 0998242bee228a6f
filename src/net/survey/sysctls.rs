//! The sysctls that can stop a packet.
//!
//! A namespace has about a thousand sysctls, and each read costs microseconds.
//! So those of a link are taken from the dumps of links and of neighbour tables,
//! which include them all. The others are read by name.

use super::Space;
use super::raw::{Raw, attributes, find, number, text, value};
use crate::net::kernel::link_names::LinkNames;
use crate::net::{Netns, Network};
use rtnetlink::packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, Inet6DevConf, InetDevConf, LinkAttribute, LinkMessage,
};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use std::collections::BTreeMap;

type Sysctls = BTreeMap<String, String>;

/// The sysctls of the namespace itself, by folder.
const OWN: [(&str, &[&str]); 6] = [
    (
        "net.ipv4",
        &[
            "ip_forward",
            "ip_default_ttl",
            "icmp_echo_ignore_all",
            "icmp_echo_ignore_broadcasts",
            "icmp_errors_use_inbound_ifaddr",
            "icmp_ratelimit",
            "icmp_ratemask",
            "ping_group_range",
            "ip_no_pmtu_disc",
            "ip_forward_use_pmtu",
            "ip_nonlocal_bind",
            "ip_unprivileged_port_start",
            "ip_local_port_range",
            "fwmark_reflect",
            "fib_multipath_hash_policy",
            "ipfrag_high_thresh",
            "ipfrag_max_dist",
            "raw_l3mdev_accept",
        ],
    ),
    ("net.ipv4.route", &["min_pmtu", "mtu_expires", "min_adv_mss"]),
    (
        "net.ipv6",
        &[
            "bindv6only",
            "ip_nonlocal_bind",
            "fwmark_reflect",
            "ip6frag_high_thresh",
            "fib_multipath_hash_policy",
        ],
    ),
    (
        "net.ipv6.icmp",
        &["echo_ignore_all", "echo_ignore_multicast", "echo_ignore_anycast", "ratelimit", "ratemask"],
    ),
    (
        "net.bridge",
        &[
            "bridge-nf-call-arptables",
            "bridge-nf-call-ip6tables",
            "bridge-nf-call-iptables",
            "bridge-nf-filter-vlan-tagged",
            "bridge-nf-pass-vlan-input-dev",
        ],
    ),
    (
        "net.netfilter",
        &[
            "nf_conntrack_max",
            "nf_conntrack_count",
            "nf_conntrack_expect_max",
            "nf_conntrack_checksum",
            "nf_conntrack_acct",
            "nf_conntrack_tcp_be_liberal",
            "nf_conntrack_tcp_loose",
            "nf_conntrack_icmp_timeout",
            "nf_conntrack_icmpv6_timeout",
            "nf_conntrack_udp_timeout",
        ],
    ),
];

/// The sysctls of `all`, which apply besides a link's own.
const ALL_V4: [&str; 23] = [
    "forwarding",
    "rp_filter",
    "arp_ignore",
    "arp_announce",
    "arp_filter",
    "arp_accept",
    "arp_evict_nocarrier",
    "accept_local",
    "accept_redirects",
    "accept_source_route",
    "bc_forwarding",
    "disable_policy",
    "disable_xfrm",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
    "ignore_routes_with_linkdown",
    "log_martians",
    "mc_forwarding",
    "promote_secondaries",
    "proxy_arp",
    "route_localnet",
    "send_redirects",
    "src_valid_mark",
];
const ALL_V6: [&str; 12] = [
    "disable_ipv6",
    "forwarding",
    "force_forwarding",
    "accept_ra",
    "accept_dad",
    "addr_gen_mode",
    "autoconf",
    "disable_policy",
    "hop_limit",
    "ignore_routes_with_linkdown",
    "keep_addr_on_down",
    "proxy_ndp",
];

/// The sysctls for new links; only the few that people set in advance.
const DEFAULT_V4: [&str; 4] = ["forwarding", "rp_filter", "arp_ignore", "promote_secondaries"];
const DEFAULT_V6: [&str; 5] = ["disable_ipv6", "forwarding", "accept_ra", "accept_dad", "keep_addr_on_down"];

impl Network {
    /// Reads the sysctls of a namespace into its state, after its links.
    pub(super) fn survey_sysctls(&self, netns: &Netns, space: &mut Space, names: &LinkNames) {
        let mut read = |folder: &str, names: &[&str]| {
            let values = self.read_sysctls(netns, folder, names.iter().copied());
            let found = names.iter().zip(values);
            let found = found.filter_map(|(name, value)| Some((format!("{folder}.{name}"), value?)));
            space.sysctls.extend(found);
        };
        for (folder, names) in OWN {
            read(folder, names);
        }
        read("net.ipv4.conf.all", &ALL_V4);
        read("net.ipv6.conf.all", &ALL_V6);
        read("net.ipv4.conf.default", &DEFAULT_V4);
        read("net.ipv6.conf.default", &DEFAULT_V6);
        of_neighbours(space, names);
    }
}

/// The sysctls that a link's message includes.
pub(super) fn of_link(sysctls: &mut Sysctls, name: &str, message: &LinkMessage) {
    let specs = message.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::AfSpecUnspec(specs) => Some(specs),
        _ => None,
    });
    for spec in specs.flatten() {
        match spec {
            AfSpecUnspec::Inet(inet) => {
                for part in inet {
                    if let AfSpecInet::DevConf(conf) = part {
                        add(sysctls, "ipv4", name, &of_inet(conf));
                    }
                }
            }
            AfSpecUnspec::Inet6(inet6) => {
                for part in inet6 {
                    if let AfSpecInet6::DevConf(conf) = part {
                        add(sysctls, "ipv6", name, &of_inet6(conf));
                    }
                }
            }
            _ => {}
        }
    }
}

fn add(sysctls: &mut Sysctls, family: &str, dev: &str, switches: &[(&str, i32)]) {
    let folder = format!("net.{family}.conf.{}", key_part(dev));
    sysctls.extend(switches.iter().map(|(name, value)| (format!("{folder}.{name}"), value.to_string())));
}

/// Returns a link's name as a sysctl's key has it: its dots become slashes.
pub fn key_part(dev: &str) -> String {
    dev.replace('.', "/")
}

fn of_inet(conf: &InetDevConf) -> [(&'static str, i32); 26] {
    [
        ("forwarding", conf.forwarding),
        ("mc_forwarding", conf.mc_forwarding),
        ("proxy_arp", conf.proxy_arp),
        ("accept_redirects", conf.accept_redirects),
        ("secure_redirects", conf.secure_redirects),
        ("send_redirects", conf.send_redirects),
        ("rp_filter", conf.rp_filter),
        ("accept_source_route", conf.accept_source_route),
        ("log_martians", conf.log_martians),
        ("arp_filter", conf.arpfilter),
        ("medium_id", conf.medium_id),
        ("disable_xfrm", conf.noxfrm),
        ("disable_policy", conf.nopolicy),
        ("arp_announce", conf.arp_announce),
        ("arp_ignore", conf.arp_ignore),
        ("promote_secondaries", conf.promote_secondaries),
        ("arp_accept", conf.arp_accept),
        ("arp_notify", conf.arp_notify),
        ("accept_local", conf.accept_local),
        ("src_valid_mark", conf.src_vmark),
        ("proxy_arp_pvlan", conf.proxy_arp_pvlan),
        ("route_localnet", conf.route_localnet),
        ("ignore_routes_with_linkdown", conf.ignore_routes_with_linkdown),
        ("drop_unicast_in_l2_multicast", conf.drop_unicast_in_l2_multicast),
        ("drop_gratuitous_arp", conf.drop_gratuitous_arp),
        ("bc_forwarding", conf.bc_forwarding),
    ]
}

fn of_inet6(conf: &Inet6DevConf) -> [(&'static str, i32); 24] {
    [
        ("forwarding", conf.forwarding),
        ("hop_limit", conf.hoplimit),
        ("mtu", conf.mtu6),
        ("accept_ra", conf.accept_ra),
        ("accept_ra_defrtr", conf.accept_ra_defrtr),
        ("accept_ra_pinfo", conf.accept_ra_pinfo),
        ("accept_redirects", conf.accept_redirects),
        ("autoconf", conf.autoconf),
        ("dad_transmits", conf.dad_transmits),
        ("use_tempaddr", conf.use_tempaddr),
        ("max_addresses", conf.max_addresses),
        ("proxy_ndp", conf.proxy_ndp),
        ("accept_source_route", conf.accept_source_route),
        ("mc_forwarding", conf.mc_forwarding),
        ("disable_ipv6", conf.disable_ipv6),
        ("accept_dad", conf.accept_dad),
        ("use_oif_addrs_only", conf.use_oif_addrs_only),
        ("ignore_routes_with_linkdown", conf.ignore_routes_with_linkdown),
        ("drop_unicast_in_l2_multicast", conf.drop_unicast_in_l2_multicast),
        ("drop_unsolicited_na", conf.drop_unsolicited_na),
        ("keep_addr_on_down", conf.keep_addr_on_down),
        ("addr_gen_mode", conf.addr_gen_mode),
        ("disable_policy", conf.disable_policy),
        ("force_forwarding", conf.force_forwarding),
    ]
}

/// Reads the sysctls below `neigh` of this thread's current namespace.
fn of_neighbours(space: &mut Space, names: &LinkNames) {
    /// `RTM_GETNEIGHTBL`, `NDTA_*` and `NDTPA_*` of linux/neighbour.h.
    const GET: u16 = 66;
    const NAME: u16 = 1;
    const PARMS: u16 = 6;
    const IFINDEX: u16 = 1;
    const NUMBERS: [(u16, &str); 6] = [
        (9, "app_solicit"),
        (10, "ucast_solicit"),
        (11, "mcast_solicit"),
        (14, "proxy_qlen"),
        (16, "unres_qlen_bytes"),
        (17, "mcast_resolicit"),
    ];
    const MILLISECONDS: [(u16, &str); 2] = [(4, "base_reachable_time_ms"), (5, "retrans_time_ms")];
    let Some(mut raw) = Raw::open(NETLINK_ROUTE) else { return };
    for row in raw.dump(GET, &[0; 4]) {
        let row = row.get(4..).unwrap_or_default();
        let family = match text(row, NAME).as_deref() {
            Some("arp_cache") => "ipv4",
            Some("ndisc_cache") => "ipv6",
            _ => continue,
        };
        for (_, parms) in attributes(row).filter(|(kind, _)| *kind == PARMS) {
            // The table's default values, which new links get.
            let dev = value(parms, IFINDEX).map_or("default".into(), |index| key_part(&names.name_of(index)));
            for (kind, name) in NUMBERS.into_iter().chain(MILLISECONDS) {
                let Some(value) = find(parms, kind).and_then(|value| number(value, 0)) else { continue };
                space.sysctls.insert(format!("net.{family}.neigh.{dev}.{name}"), value.to_string());
            }
        }
    }
}

/// Returns the key of an interface's sysctl, as `sysctl -a` prints it.
pub fn conf_key(family: &str, dev: &str, name: &str) -> String {
    format!("net.{family}.conf.{}.{name}", key_part(dev))
}

#[cfg(test)]
mod tests {
    use super::conf_key;

    #[test]
    fn a_dot_in_a_name_is_a_slash_in_its_key() {
        assert_eq!(conf_key("ipv4", "eth0.10", "rp_filter"), "net.ipv4.conf.eth0/10.rp_filter");
    }
}
