//! The names of features that exist in some kernel or tool. A name in these
//! lists may be something that the machine lacks; any other name is a typing
//! error.
//!
//! Taken from Linux 6.18's sources: `MODULE_ALIAS_RTNL_LINK` and `rtnl_link_ops`
//! (drivers/net, net), `net/netfilter/xt_*.c` and `net/ipv{4,6}/netfilter/`,
//! `nft_expr_type` (net/netfilter/nft_*.c), `Qdisc_ops`, `tcf_proto_ops` and
//! `tc_action_ops` (net/sched), `lwtunnel_encap_str` (net/core/lwtunnel.c); the
//! extensions of iptables 1.8.11 and xtables-addons 3.27.

/// Kinds of links that a module provides, with the module if its name differs.
pub(super) const LINKS: &[(&str, &str)] = &[
    ("amt", ""),
    ("bareudp", ""),
    ("bond", "bonding"),
    ("bridge", ""),
    ("dummy", ""),
    ("erspan", "ip_gre"),
    ("geneve", ""),
    ("gre", "ip_gre"),
    ("gretap", "ip_gre"),
    ("gtp", ""),
    ("hsr", ""),
    ("ifb", ""),
    ("ip6erspan", "ip6_gre"),
    ("ip6gre", "ip6_gre"),
    ("ip6gretap", "ip6_gre"),
    ("ip6tnl", "ip6_tunnel"),
    ("ipip", ""),
    ("ipoib", "ib_ipoib"),
    ("ipvlan", ""),
    ("ipvtap", ""),
    ("lowpan", "6lowpan"),
    ("macsec", ""),
    ("macvlan", ""),
    ("macvtap", ""),
    ("netdevsim", ""),
    ("netkit", ""),
    ("nlmon", ""),
    ("ovpn", ""),
    ("pfcp", ""),
    ("rmnet", ""),
    ("sit", ""),
    ("team", ""),
    ("vcan", ""),
    ("veth", ""),
    ("virt_wifi", ""),
    ("vlan", "8021q"),
    ("vrf", ""),
    ("vti", "ip_vti"),
    ("vti6", "ip6_vti"),
    ("vxcan", ""),
    ("vxlan", ""),
    ("wireguard", ""),
    ("xfrm", "xfrm_interface"),
];

/// Links that `ip tunnel add … mode` creates: the mode and the kind of link.
pub(super) const TUNNELS: &[(&str, &str)] = &[
    ("any", "ip6tnl"),
    ("gre", "gre"),
    ("ip4ip6", "ip6tnl"),
    ("ip6gre", "ip6gre"),
    ("ip6ip6", "ip6tnl"),
    ("ipip", "ipip"),
    ("ipip6", "ip6tnl"),
    ("isatap", "sit"),
    ("sit", "sit"),
    ("vti", "vti"),
    ("vti6", "vti6"),
];

/// iptables matches that need kernel support.
pub(super) const MATCHES: &[&str] = &[
    "addrtype",
    "ah",
    "bpf",
    "cgroup",
    "cluster",
    "comment",
    "connbytes",
    "connlabel",
    "connlimit",
    "connmark",
    "conntrack",
    "cpu",
    "dccp",
    "devgroup",
    "dscp",
    "dst",
    "ecn",
    "esp",
    "eui64",
    "frag",
    "hashlimit",
    "hbh",
    "helper",
    "icmp",
    "icmp6",
    "ipcomp",
    "iprange",
    "ipv6header",
    "ipvs",
    "l2tp",
    "length",
    "limit",
    "mac",
    "mark",
    "mh",
    "multiport",
    "nfacct",
    "osf",
    "owner",
    "physdev",
    "pkttype",
    "policy",
    "quota",
    "rateest",
    "realm",
    "recent",
    "rpfilter",
    "rt",
    "sctp",
    "set",
    "socket",
    "state",
    "statistic",
    "string",
    "tcp",
    "tcpmss",
    "time",
    "tos",
    "ttl",
    "u32",
    "udp",
    "hl",
    "icmpv6",
    "geoip",
    "condition",
    "account",
    "fuzzy",
    "gradm",
    "iface",
    "ipp2p",
    "ipv4options",
    "length2",
    "lscan",
    "psd",
    "quota2",
];

/// iptables targets that need kernel support.
pub(super) const TARGETS: &[&str] = &[
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CLUSTERIP",
    "CONNMARK",
    "CONNSECMARK",
    "CT",
    "DNAT",
    "DNPT",
    "DSCP",
    "ECN",
    "HL",
    "HMARK",
    "IDLETIMER",
    "LED",
    "LOG",
    "MARK",
    "MASQUERADE",
    "NETMAP",
    "NFLOG",
    "NFQUEUE",
    "NOTRACK",
    "RATEEST",
    "REDIRECT",
    "REJECT",
    "SECMARK",
    "SET",
    "SNAT",
    "SNPT",
    "SYNPROXY",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TPROXY",
    "TRACE",
    "TTL",
    "ACCOUNT",
    "CHAOS",
    "DELUDE",
    "DHCPMAC",
    "DNETMAP",
    "ECHO",
    "IPMARK",
    "LOGMARK",
    "PROTO",
    "SYSRQ",
    "TARPIT",
];

/// Tables of iptables.
pub(super) const TABLES: &[&str] = &["filter", "nat", "mangle", "raw", "security"];

/// Words of nft's rules, and the kernel expression for each.
pub(super) const EXPRESSIONS: &[(&str, &str)] = &[
    ("connlimit", "connlimit"),
    ("count", "connlimit"),
    ("counter", "counter"),
    ("ct", "ct"),
    ("dnat", "nat"),
    ("dup", "dup"),
    ("dynset", "dynset"),
    ("fib", "fib"),
    ("flow", "flow_offload"),
    ("fwd", "fwd"),
    ("jhash", "hash"),
    ("last", "last"),
    ("limit", "limit"),
    ("log", "log"),
    ("masquerade", "masq"),
    ("meta", "meta"),
    ("meter", "dynset"),
    ("notrack", "notrack"),
    ("numgen", "numgen"),
    ("osf", "osf"),
    ("queue", "queue"),
    ("quota", "quota"),
    ("redirect", "redir"),
    ("reject", "reject"),
    ("snat", "nat"),
    ("socket", "socket"),
    ("symhash", "hash"),
    ("synproxy", "synproxy"),
    ("tproxy", "tproxy"),
    ("tunnel", "tunnel"),
    ("xfrm", "xfrm"),
    ("ipsec", "xfrm"),
];

/// The nf_tables expressions to which iptables-nft translates targets, where it
/// does not use the target itself.
pub(super) const TARGETS_AS_EXPRESSIONS: &[(&str, &str)] = &[
    ("LOG", "log"),
    ("NFLOG", "log"),
    ("DNAT", "nat"),
    ("SNAT", "nat"),
    ("MASQUERADE", "masq"),
    ("REDIRECT", "redir"),
    ("REJECT", "reject"),
];

/// Families of nf_tables, with the kernel's number.
pub(super) const FAMILIES: &[(&str, u8)] =
    &[("ip", 2), ("ip6", 10), ("inet", 1), ("arp", 3), ("bridge", 7), ("netdev", 5)];

/// Queueing disciplines that a module provides.
pub(super) const QDISCS: &[&str] = &[
    "bfifo",
    "cake",
    "cbs",
    "choke",
    "clsact",
    "codel",
    "drr",
    "dualpi2",
    "etf",
    "ets",
    "fq",
    "fq_codel",
    "fq_pie",
    "gred",
    "hfsc",
    "hhf",
    "htb",
    "ingress",
    "mq",
    "mqprio",
    "multiq",
    "netem",
    "noqueue",
    "pfifo",
    "pfifo_head_drop",
    "pie",
    "plug",
    "prio",
    "qfq",
    "red",
    "sfb",
    "sfq",
    "skbprio",
    "taprio",
    "tbf",
    "teql0",
];

/// Classifiers of `tc filter`.
pub(super) const CLASSIFIERS: &[&str] =
    &["basic", "bpf", "cgroup", "flow", "flower", "fw", "matchall", "route", "u32"];

/// Actions of `tc`, each with the kernel's name for it.
pub(super) const ACTIONS: &[(&str, &str)] = &[
    ("bpf", "bpf"),
    ("connmark", "connmark"),
    ("csum", "csum"),
    ("ct", "ct"),
    ("ctinfo", "ctinfo"),
    ("drop", "gact"),
    ("gact", "gact"),
    ("gate", "gate"),
    ("ife", "ife"),
    ("mirred", "mirred"),
    ("mpls", "mpls"),
    ("nat", "nat"),
    ("ok", "gact"),
    ("pass", "gact"),
    ("pedit", "pedit"),
    ("police", "police"),
    ("reclassify", "gact"),
    ("sample", "sample"),
    ("shot", "gact"),
    ("simple", "simple"),
    ("skbedit", "skbedit"),
    ("skbmod", "skbmod"),
    ("tunnel_key", "tunnel_key"),
    ("vlan", "vlan"),
];

/// Encapsulations of `ip route … encap`, with the kernel's number and module.
pub(super) const ENCAPSULATIONS: &[(&str, u16, &str)] = &[
    ("mpls", 1, "mpls_iptunnel"),
    ("ip", 2, "ip_tunnel"),
    ("ila", 3, "ila"),
    ("ip6", 4, "ip6_tunnel"),
    ("seg6", 5, ""),
    ("bpf", 6, ""),
    ("seg6local", 7, ""),
    ("rpl", 8, ""),
    ("ioam6", 9, ""),
    ("xfrm", 10, "xfrm_interface"),
];

/// Tools and objects of `ip` that use a generic netlink family of their own: the
/// words, the family, and the module.
pub(super) const GENERIC: &[(&str, &str, &str, &str)] = &[
    ("ip", "fou", "fou", "fou"),
    ("ip", "ila", "ila", "ila"),
    ("ip", "ioam", "IOAM6", ""),
    ("ip", "l2tp", "l2tp", "l2tp_core"),
    ("ip", "macsec", "macsec", "macsec"),
    ("ip", "mptcp", "mptcp_pm", ""),
    ("ip", "sr", "SEG6", ""),
    ("ip", "tcp_metrics", "tcp_metrics", ""),
    ("ipvsadm", "", "IPVS", "ip_vs"),
    ("ovs-vsctl", "", "ovs_datapath", "openvswitch"),
    ("ovs-dpctl", "", "ovs_datapath", "openvswitch"),
    ("tipc", "", "TIPCv2", "tipc"),
    ("wg", "", "wireguard", "wireguard"),
    ("wg-quick", "", "wireguard", "wireguard"),
];

/// Sysctl folders that a module provides: the prefix of the keys, a file that
/// exists if the module is loaded, and the module.
pub(super) const SWITCHES: &[(&str, &str, &str)] = &[
    ("net.bridge", "/proc/sys/net/bridge", "br_netfilter"),
    ("net.ipv4.vs", "/proc/sys/net/ipv4/vs", "ip_vs"),
    ("net.ipv6", "/proc/sys/net/ipv6", "ipv6"),
    ("net.mpls", "/proc/sys/net/mpls", "mpls_router"),
    ("net.netfilter.nf_conntrack", "/proc/sys/net/netfilter/nf_conntrack_max", "nf_conntrack"),
    ("net.netfilter.nf_flowtable", "/proc/sys/net/netfilter/nf_flowtable_tcp_timeout", "nf_flow_table"),
    ("net.sctp", "/proc/sys/net/sctp", "sctp"),
];

/// The entry of a list that has this name.
pub(super) fn among(list: &'static [&'static str], name: &str) -> Option<&'static str> {
    list.iter().copied().find(|known| *known == name)
}

/// The entry of a list that has this name, with its value.
pub(super) fn beside<T: Copy>(list: &'static [(&'static str, T)], name: &str) -> Option<(&'static str, T)> {
    list.iter().copied().find(|(known, _)| *known == name)
}
