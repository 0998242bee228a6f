//! The list of attempts, each in a throwaway sandbox of its own.

/// A feature that labs may need.
pub(super) struct Tried {
    pub name: &'static str,
    /// A lab that needs it.
    pub lab: &'static str,
    /// The consequence if it is missing.
    pub cost: &'static str,
    pub remedy: Lack,
}

/// The remedy if it is missing.
pub(super) enum Lack {
    /// Load these kernel modules, separated by spaces.
    Modules(&'static str),
    /// Remove the mounts that cover parts of /proc.
    Uncovered,
    /// Make `/sys` writable.
    WritableSys,
    /// This text.
    Said(&'static str),
    /// Unknown.
    Unknown,
}

const fn tried(name: &'static str, cost: &'static str, remedy: Lack, lab: &'static str) -> Tried {
    Tried { name, lab, cost, remedy }
}

/// The features that nslab itself needs.
pub(super) const ABILITIES: [Tried; 16] = [
    tried(
        "veth links and ping",
        "almost no lab can be measured",
        Lack::Modules("veth"),
        "let red = netns(\"red\"); veth(host(), \"a\", red, \"b\"); addr_add(\"a\", \"10.0.0.1/24\"); \
         red.addr_add(\"b\", \"10.0.0.2/24\"); up(\"a\"); red.up(\"b\"); check(\"it works\", ping(\"10.0.0.2\"));",
    ),
    tried(
        "bridges",
        "labs with `bridge` are not measured",
        Lack::Modules("bridge"),
        "bridge(\"br0\"); up(\"br0\");",
    ),
    tried(
        "macvlan links",
        "labs with `macvlan` are not measured",
        Lack::Modules("macvlan"),
        "veth(\"a\", \"b\"); macvlan(\"mv0\", \"a\");",
    ),
    tried(
        "vxlan links",
        "labs with `vxlan` are not measured",
        Lack::Modules("vxlan"),
        "vxlan(\"vx0\", #{id: 1, remote: \"10.0.0.2\"});",
    ),
    tried(
        "IPv6",
        "labs with IPv6 addresses fail",
        Lack::Said("boot without `ipv6.disable=1`"),
        "addr_add(\"lo\", \"fd00::1/64\"); check(\"it works\", ping(\"fd00::1\"));",
    ),
    tried(
        "sysctls of a namespace",
        "labs with `sysctl` fail",
        Lack::Uncovered,
        "sysctl(\"net.ipv4.ip_forward\", 1); check(\"it works\", sysctl(\"net.ipv4.ip_forward\") == \"1\");",
    ),
    tried(
        "programs in a namespace",
        "labs with `exec`, `sh` and `start` fail",
        Lack::Unknown,
        "let red = netns(\"red\"); check(\"it works\", exec(red, \"true\"));",
    ),
    tried(
        "`ip netns list` and `ip netns exec` inside",
        "labs that call `ip netns` themselves fail",
        Lack::WritableSys,
        "let red = netns(\"red\"); check(\"list\", exec(\"ip netns list\").stdout.contains(\"red\")); \
         check(\"exec\", exec(\"ip netns exec red true\"));",
    ),
    tried(
        "rules of routing",
        "labs with `rule_add` fail",
        Lack::Unknown,
        "rule_add(#{from: \"10.0.0.1\", table: 100}); check(\"it works\", rules().len() == 4);",
    ),
    tried(
        "a firewall (nf_tables)",
        "labs with `policy`, `allow` and `block` fail",
        Lack::Modules("nf_tables"),
        "block(\"input\", #{proto: \"icmp\"}); check(\"it works\", !ping(\"127.0.0.1\", #{timeout_ms: 1}));",
    ),
    tried(
        "translation of addresses (NAT), and its connections (conntrack)",
        "labs with `masquerade`, `dnat` and `conntrack` fail",
        Lack::Modules("nft_chain_nat nf_conntrack_netlink"),
        "masquerade(\"10.0.0.0/24\"); dnat(\"tcp\", 80, \"10.0.0.2:80\"); \
         check(\"it counts\", ping(\"127.0.0.1\").ok && !conntrack().is_empty());",
    ),
    tried(
        "capture of packets",
        "labs with `capture` are not measured",
        Lack::Modules("af_packet"),
        "let seen = capture(\"lo\"); check(\"it works\", ping(\"127.0.0.1\").ok && !seen.rows().is_empty());",
    ),
    tried(
        "services that need no program",
        "labs with `serve_http` and `serve_dns` fail",
        Lack::Unknown,
        "serve_http(80, \"hello\"); check(\"it works\", http_get(\"http://127.0.0.1/\"));",
    ),
    tried(
        "links that programs make (/dev/net/tun)",
        "programs such as `openvpn` and `ip tuntap` fail",
        Lack::Unknown,
        "check(\"it works\", sh(\": <> /dev/net/tun\"));",
    ),
    tried(
        "the CNI plugins",
        "labs with `cni_add` are not measured",
        Lack::Said("install them: `sudo apt-get install containernetworking-plugins`"),
        "cni_add(netns(\"red\"), #{cniVersion: \"1.0.0\", name: \"lo\", type: \"loopback\"}); \
         check(\"it works\", ping(netns_list()[0], \"127.0.0.1\"));",
    ),
    tried(
        "bridged frames passed to iptables (br_netfilter)",
        "labs on firewalls of bridges are not measured",
        Lack::Modules("br_netfilter"),
        "bridge(\"br0\"); check(\"it works\", sysctl(\"net.bridge.bridge-nf-call-iptables\") != \"\");",
    ),
];

/// The tools that labs of the curriculum use. Each has a lab in which it works,
/// and the remedy if it is installed but fails.
pub(super) const TOOLS: [(&str, Lack, &str); 10] = [
    ("bash", Lack::Unknown, "check(\"it works\", exec(\"bash -c true\"));"),
    ("ip", Lack::Unknown, "check(\"it works\", exec(\"ip link show lo\"));"),
    ("ping", Lack::Unknown, "check(\"it works\", exec(\"ping -c1 127.0.0.1\"));"),
    ("traceroute", Lack::Unknown, "check(\"it works\", exec(\"traceroute -n 127.0.0.1\"));"),
    (
        "nsenter",
        Lack::Unknown,
        "let red = netns(\"red\"); check(\"it works\", exec(\"nsenter --net=/run/netns/red true\"));",
    ),
    ("iptables", Lack::Modules("nft_compat ip_tables"), "check(\"it works\", exec(\"iptables -S\"));"),
    ("nft", Lack::Modules("nf_tables"), "check(\"it works\", exec(\"nft list ruleset\"));"),
    (
        "tcpdump",
        Lack::Unknown,
        "let dump = start(\"tcpdump --immediate-mode -n -c 1 -i lo\"); \
         eventually(\"it ends\", 5000, || { ping(\"127.0.0.1\"); !dump.running }); \
         let seen = dump.stdout.contains(\"127.0.0.1\"); \
         if !seen { throw if dump.stderr == \"\" { \"it saw no packet\" } else { dump.stderr } }",
    ),
    ("route", Lack::Unknown, "check(\"it works\", exec(\"route -n\"));"),
    (
        "ovs-vsctl",
        Lack::Unknown,
        "let schema = \"/usr/share/openvswitch/vswitch.ovsschema\"; \
         check(\"a database\", exec(`ovsdb-tool create /tmp/ovs.db ${schema}`)); \
         start(\"ovsdb-server --unixctl=/tmp/ovs.ctl --remote=punix:/tmp/ovs.sock /tmp/ovs.db\"); \
         sh(\"timeout 5 sh -c 'until test -S /tmp/ovs.sock; do sleep 0.01; done'\"); \
         let vsctl = \"ovs-vsctl --db=unix:/tmp/ovs.sock --no-wait --retry --timeout=5\"; \
         check(\"it works\", exec(`${vsctl} add-br br0`));",
    ),
];
