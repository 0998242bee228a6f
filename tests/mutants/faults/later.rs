//! Lines too many: later commands that break something.

use super::line::Line;
use super::typed::other_ip;
use super::{Edit, Fault, Faults, inside};
use crate::dice::Dice;

impl Faults {
    /// Adds faults of a namespace.
    pub fn of_a_space(&mut self, ns: &str, to: &str, routed: bool, dice: &mut Dice) {
        let (tables, protocol, all, any) = match self.v6 {
            true => ("ip6tables", "icmpv6", "128", "ip -6"),
            false => ("iptables", if self.tcp { "tcp" } else { "icmp" }, "32", "ip"),
        };
        let hooks: &[&str] = if routed { &["FORWARD"] } else { &["INPUT", "OUTPUT"] };
        for hook in hooks {
            self.later("policy", ns, &format!("{tables} -P {hook} DROP"), &[hook]);
            let target = dice.pick(&["DROP", "REJECT"]);
            self.later(
                "firewall rule",
                ns,
                &format!("{tables} -I {hook} -p {protocol} -j {target}"),
                &[hook],
            );
            self.later("firewall rule", ns, &format!("{tables} -A {hook} -d {to} -j {target}"), &[hook]);
            let hook = hook.to_lowercase();
            let rules = format!(
                "nft 'table inet wall {{ chain {hook} {{ type filter hook {hook} priority 0; policy drop; }}; }}'"
            );
            self.later("policy of nft", ns, &rules, &["wall", &hook]);
            let rules = format!(
                "nft 'table inet wall {{ chain {hook} {{ type filter hook {hook} priority 0; meta l4proto {protocol} drop; }}; }}'"
            );
            self.later("rule of nft", ns, &rules, &["wall", &hook]);
            let rules =
                format!("{tables} -I {} -p {protocol} -m length --length 1000: -j DROP", hook.to_uppercase());
            self.later_of_large("firewall of large", ns, &rules, &[&hook.to_uppercase()]);
        }
        for (hook, priority) in [("prerouting", "-300"), ("postrouting", "100")] {
            let rules = format!(
                "nft 'table inet wall {{ chain {hook} {{ type filter hook {hook} priority {priority}; meta l4proto {protocol} drop; }}; }}'"
            );
            self.later("rule of nft", ns, &rules, &["wall", hook]);
        }
        self.later(
            "firewall rule",
            ns,
            &format!("{tables} -t raw -I PREROUTING -p {protocol} -j DROP"),
            &["PREROUTING"],
        );
        self.later(
            "firewall rule",
            ns,
            &format!("{tables} -t mangle -I POSTROUTING -p {protocol} -j DROP"),
            &["POSTROUTING"],
        );
        for kind in ["blackhole", "unreachable", "prohibit"] {
            self.later("route too many", ns, &format!("ip route add {kind} {to}/{all}"), &[kind]);
            self.later("rule too many", ns, &format!("{any} rule add to {to} {kind} pref 50"), &[kind]);
        }
        let mut dir = vec!["in", "out"];
        if routed {
            dir.push("fwd");
        }
        let net = if self.v6 { "::/0" } else { "0.0.0.0/0" };
        let policy = format!("ip xfrm policy add dir {} src {net} dst {net} action block", dice.pick(&dir));
        self.later("xfrm", ns, &policy, &["xfrm", "policy"]);
        let astray = [
            inside(ns, &format!("{any} route add unreachable default metric 5 table 77")),
            inside(
                ns,
                &format!(
                    "{any} rule add {} lookup 77 pref 60",
                    dice.pick(&["from all", &format!("to {to}")])
                ),
            ),
        ];
        self.and("rule too many", ns, &astray, &["77", "rule 60"]);
        self.later("rule lost", ns, &format!("{any} rule del pref 32766"), &["rule"]);
        let marked = [
            inside(
                ns,
                &format!(
                    "{tables} -t mangle -A {} -j MARK --set-mark 7",
                    if routed { "PREROUTING" } else { "OUTPUT" }
                ),
            ),
            inside(ns, &format!("{any} rule add fwmark 7 {} pref 40", dice.pick(&["prohibit", "blackhole"]))),
        ];
        self.and("rule of marks", ns, &marked, &["0x7", "rule 40", "MARK"]);
        if !routed {
            self.later("route flushed", ns, &format!("{any} route flush table main"), &["route"]);
        }
        if self.v6 {
            self.later("sysctl", ns, "sysctl -qw net.ipv6.icmp.echo_ignore_all=1", &["echo_ignore_all"]);
            self.later("sysctl", ns, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1", &["disable_ipv6"]);
            if routed {
                self.later("forwarding", ns, "sysctl -qw net.ipv6.conf.all.forwarding=0", &["forwarding"]);
            }
        } else {
            self.later("sysctl", ns, "sysctl -qw net.ipv4.icmp_echo_ignore_all=1", &["icmp_echo_ignore_all"]);
            self.later("sysctl", ns, "sysctl -qw net.ipv4.conf.all.arp_ignore=8", &["arp_ignore"]);
            self.later("sysctl", ns, "sysctl -qw net.ipv4.ip_default_ttl=1", &["ip_default_ttl"]);
            if routed {
                self.later("forwarding", ns, "sysctl -qw net.ipv4.ip_forward=0", &["forward"]);
            }
            let nat = |chain: &str, what: &str| format!("iptables -t nat -I {chain} -p {protocol} {what}");
            let chain = if routed { "PREROUTING" } else { "OUTPUT" };
            let wrong = other_ip(to, dice, true);
            self.later(
                "nat",
                ns,
                &nat(chain, &format!("-d {to} -j DNAT --to-destination {wrong}")),
                &[&wrong],
            );
            let wrong = "198.51.100.9";
            self.later("nat", ns, &nat("POSTROUTING", &format!("-j SNAT --to-source {wrong}")), &[wrong]);
        }
        self.later(
            "xfrm",
            ns,
            &format!(
                "ip xfrm policy add dir out src {net} dst {to}/{all} action block",
                net = if self.v6 { "::/0" } else { "0.0.0.0/0" }
            ),
            &["xfrm", "policy"],
        );
    }

    /// Adds faults of a link that has an address.
    pub fn of_a_link(&mut self, ns: &str, dev: &str, dice: &mut Dice) {
        let key = dev.replace('.', "/");
        self.later("link", ns, &format!("ip link set {dev} down"), &[dev]);
        self.later("address forgotten", ns, &format!("ip addr flush dev {dev}"), &[dev]);
        if self.v6 {
            let switch = format!("net.ipv6.conf.{key}.disable_ipv6");
            self.later("sysctl", ns, &format!("sysctl -qw {switch}=1"), &["disable_ipv6"]);
            let switch = format!("net.ipv6.conf.{key}.hop_limit");
            self.later("sysctl", ns, &format!("sysctl -qw {switch}=1"), &["hop_limit"]);
            self.later("mtu", ns, &format!("ip link set {dev} mtu 1000"), &["1000", "MTU"]);
        } else {
            self.later("arp", ns, &format!("ip link set {dev} arp off"), &[dev]);
            for (switch, value) in [("forwarding", 0), ("rp_filter", 1), ("arp_ignore", 8)] {
                let command = format!("sysctl -qw net.ipv4.conf.{key}.{switch}={value}");
                self.later("sysctl", ns, &command, &[switch]);
            }
        }
        let loss = dice.pick(&["netem loss 100%", "pfifo limit 0"]);
        self.later("queue", ns, &format!("tc qdisc add dev {dev} root {loss}"), &[dev]);
        let way = dice.pick(&["ingress", "egress"]);
        let filter = [
            inside(ns, &format!("tc qdisc add dev {dev} clsact")),
            inside(ns, &format!("tc filter add dev {dev} {way} matchall action drop")),
        ];
        self.and("filter of tc", ns, &filter, &[dev]);
        if !self.v6 {
            let wall =
                "nft 'table arp wall { chain in { type filter hook input priority 0; policy drop; }; }'";
            self.later("arp", ns, wall, &["wall"]);
            let wall =
                "nft 'table arp wall { chain out { type filter hook output priority 0; policy drop; }; }'";
            self.later("arp", ns, wall, &["wall"]);
        }
        if !dev.starts_with("vx") && !dev.starts_with("gre") {
            let mtu = 1280 + dice.below(60);
            let command = format!("ip link set {dev} mtu {mtu}");
            self.later_of_large("mtu", ns, &command, &[&mtu.to_string(), dev]);
            let wall = format!(
                "nft 'table netdev wall {{ chain in {{ type filter hook ingress device \"{dev}\" priority 0; policy drop; }}; }}'"
            );
            self.later("netdev", ns, &wall, &["wall"]);
        }
        if dev.starts_with("vx") {
            self.later("vxlan", ns, &format!("bridge fdb del 00:00:00:00:00:00 dev {dev}"), &[dev]);
        }
    }

    /// Adds faults of a bridge port.
    pub fn of_a_port(&mut self, ns: &str, port: &str, bridge: &str, dice: &mut Dice) {
        self.later("link", ns, &format!("ip link set {port} down"), &[port]);
        self.later("link", ns, &format!("ip link set {bridge} down"), &[bridge]);
        self.later("bridge port", ns, &format!("ip link set {port} nomaster"), &[port]);
        let state =
            dice.pick(&["state 0", "locked on", "learning off flood off bcast_flood off mcast_flood off"]);
        self.later("bridge port", ns, &format!("bridge link set dev {port} {state}"), &[port]);
        let vlan = [
            inside(ns, &format!("ip link set {bridge} type bridge vlan_filtering 1")),
            inside(ns, &format!("bridge vlan del vid 1 dev {port}")),
        ];
        self.and("vlan of a bridge", ns, &vlan, &[port]);
        let vlan = [
            inside(ns, &format!("ip link set {bridge} type bridge vlan_filtering 1")),
            inside(ns, &format!("bridge vlan add dev {port} vid 20 pvid untagged")),
        ];
        self.and("vlan of a bridge", ns, &vlan, &[port]);
        let rules =
            "nft 'table bridge wall { chain f { type filter hook forward priority 0; policy drop; }; }'";
        self.later("bridge firewall", ns, rules, &["wall"]);
    }

    /// Adds faults about an address in another namespace.
    pub fn of_another(&mut self, other: &Line, ip: &str) {
        let dev = other.dev();
        let wrong = format!("ip neigh replace {ip} lladdr 02:00:00:00:00:99 nud permanent dev {dev}");
        self.later("neighbour", other.ns, &wrong, &[ip]);
        let len = if self.v6 { "128 nodad" } else { "32" };
        self.later("address too many", other.ns, &format!("ip addr add {ip}/{len} dev {dev}"), &[ip]);
    }

    /// Adds faults that lead away from a route.
    pub fn of_a_route(&mut self, line: &Line, to: &str, dice: &mut Dice) {
        let (net, Some(via)) = (line.words[3], line.after("via")) else { return };
        let (any, all) = if self.v6 { ("ip -6", "128") } else { ("ip", "32") };
        let table = line.after("table").map_or(String::new(), |table| format!(" table {table}"));
        let wrong = other_ip(via, dice, true);
        self.later(
            "route astray",
            line.ns,
            &format!("{any} route add {to}/{all} via {wrong}{table}"),
            &[&wrong],
        );
        let small = format!("{any} route replace {net} via {via} mtu lock 1300{table}");
        self.later_of_large("mtu of a route", line.ns, &small, &["1300"]);
    }

    /// Two commands that break something together.
    fn and(&mut self, kind: &'static str, ns: &str, commands: &[String; 2], about: &[&str]) {
        let about = about.iter().map(ToString::to_string).collect();
        let edit = Edit::Last(commands.join("; "));
        self.all.push(Fault { kind, edit, ns: ns.into(), about, large: false });
    }
}
