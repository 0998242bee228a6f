//! What can be broken in a network that works: a line typed wrong, a line
//! forgotten, or a line too many.

use crate::dice::Dice;

/// Something to break, in one place.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its kind, for the score.
    pub kind: &'static str,
    /// What is changed in the lab.
    pub edit: Edit,
    /// The namespace that it is in; a cure has to act there.
    pub ns: String,
    /// Words of which one must be told.
    pub about: Vec<String>,
    /// Whether it shows with large packets only.
    pub large: bool,
}

#[derive(Debug, Clone)]
pub enum Edit {
    /// A line in place of another; none where it is forgotten.
    Line(usize, Option<String>),
    /// A line at the end.
    Last(String),
}

impl Edit {
    /// Where they are done at once, the later line first.
    pub fn apply(edits: &[&Edit], lines: &[&str]) -> Vec<String> {
        let mut result: Vec<Option<String>> = lines.iter().map(|line| Some((*line).to_string())).collect();
        for edit in edits {
            match edit {
                Self::Line(at, line) => result[*at].clone_from(line),
                Self::Last(line) => result.push(Some(line.clone())),
            }
        }
        result.into_iter().flatten().collect()
    }
}

/// A line of a lab, read.
struct Line<'a> {
    at: usize,
    text: &'a str,
    ns: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn read(at: usize, text: &'a str) -> Self {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let mut ns = "host";
        if words.contains(&"macvlan") {
            ns = words[words.iter().position(|word| *word == "netns").expect("it goes somewhere") + 1];
        }
        if words[0] == "ip" && words[1] == "-n" {
            ns = words[2];
            words.drain(1..3);
        } else if words[1..].starts_with(&["netns", "exec"]) {
            ns = words[3];
            words.drain(..4);
        }
        Self { at, text, ns, words }
    }

    fn is(&self, words: &[&str]) -> bool {
        self.words.starts_with(words)
    }

    fn after(&self, word: &str) -> Option<&'a str> {
        let at = self.words.iter().position(|known| *known == word)?;
        self.words.get(at + 1).copied()
    }

    fn instead(&self, old: &str, new: &str) -> Edit {
        Edit::Line(self.at, Some(self.text.replacen(old, new, 1)))
    }
}

/// A command of a tool in a namespace.
fn inside(ns: &str, command: &str) -> String {
    match (ns, command.split_once(' ')) {
        ("host", _) => command.into(),
        (_, Some((tool @ ("ip" | "bridge" | "tc"), rest))) => format!("{tool} -n {ns} {rest}"),
        _ => format!("ip netns exec {ns} {command}"),
    }
}

/// An address that nobody has, in the same network or in another one.
fn other_ip(ip: &str, dice: &mut Dice, near: bool) -> String {
    if let Some((net, host)) = ip.rsplit_once(':') {
        return match near {
            true => format!("{net}:{}{host}", 1 + dice.below(8)),
            false => ip.replacen("fd00:", &format!("fd0{}:", 1 + dice.below(8)), 1),
        };
    }
    let mut parts: Vec<String> = ip.split('.').map(Into::into).collect();
    let at = if near { 3 } else { 1 + dice.below(2) };
    let new = match dice.below(3) {
        // A digit too many, a key beside it, or something else.
        0 => format!("{}{}", parts[at], dice.below(10)),
        1 => format!("1{}", parts[at]),
        _ => format!("{}", 100 + dice.below(100)),
    };
    parts[at] = if new.parse::<u16>().is_ok_and(|new| new < 255) { new } else { "77".into() };
    parts.join(".")
}

/// All that can be broken, with dice for what it is broken to. `targets` are
/// the addresses of the one who is asked.
pub fn faults(lines: &[&str], to: &str, dice: &mut Dice) -> Vec<Fault> {
    let read: Vec<Line> = lines.iter().enumerate().map(|(at, text)| Line::read(at, text)).collect();
    let mut all = Faults { all: Vec::new(), v6: to.contains(':') };
    for line in &read {
        all.typed(line, dice);
    }
    let mut spaces: Vec<&str> = read.iter().map(|line| line.ns).collect();
    spaces.sort_unstable();
    spaces.dedup();
    let routed: Vec<&str> =
        read.iter().filter(|line| line.text.contains("forward")).map(|line| line.ns).collect();
    for ns in spaces {
        all.of_a_space(ns, to, routed.contains(&ns), dice);
    }
    for line in read.iter().filter(|line| line.is(&["ip", "addr", "add"])) {
        let dev = line.after("dev").expect("an address is on a link");
        all.of_a_link(line.ns, dev, dice);
        let ip = line.words[3].split('/').next().expect("an address");
        for other in read.iter().filter(|other| other.is(&["ip", "addr", "add"]) && other.ns != line.ns) {
            let dev = other.after("dev").expect("an address is on a link");
            let fault = format!("ip neigh replace {ip} lladdr 02:00:00:00:00:99 nud permanent dev {dev}");
            all.later("neighbour", other.ns, &fault, &[ip]);
        }
    }
    for line in read.iter().filter(|line| line.is(&["ip", "link", "set"]) && line.after("master").is_some()) {
        all.of_a_port(line.ns, line.words[3], line.after("master").expect("just seen"), dice);
    }
    all.all
}

struct Faults {
    all: Vec<Fault>,
    v6: bool,
}

impl Faults {
    fn edit(&mut self, kind: &'static str, line: &Line, edit: Edit, about: &[&str]) {
        let about = about.iter().map(ToString::to_string).collect();
        self.all.push(Fault { kind, edit, ns: line.ns.into(), about, large: false });
    }

    fn later(&mut self, kind: &'static str, ns: &str, command: &str, about: &[&str]) {
        let about = about.iter().map(ToString::to_string).collect();
        let edit = Edit::Last(inside(ns, command));
        self.all.push(Fault { kind, edit, ns: ns.into(), about, large: false });
    }

    /// A line typed wrong, or forgotten.
    fn typed(&mut self, line: &Line, dice: &mut Dice) {
        let none = Edit::Line(line.at, None);
        if line.is(&["ip", "addr", "add"]) {
            let (cidr, dev) = (line.words[3], line.after("dev").expect("a link"));
            let (ip, len) = cidr.split_once('/').expect("with a mask");
            let near = other_ip(ip, dice, true);
            self.edit("address", line, line.instead(ip, &near), &[ip, &near]);
            let far = other_ip(ip, dice, false);
            self.edit("address", line, line.instead(ip, &far), &[ip, &far]);
            self.edit("address forgotten", line, none, &[ip, dev]);
            let masks = if self.v6 { ["128", "127", "126"] } else { ["32", "31", "30"] };
            let mask = dice.pick(&masks);
            let wrong = format!("{ip}/{mask}");
            self.edit("mask", line, line.instead(cidr, &wrong), &[&wrong, &format!("/{len}"), dev]);
            if !self.v6 {
                let wrong = format!("{ip}/{}", dice.pick(&["8", "12", "16"]));
                self.edit("mask", line, line.instead(cidr, &wrong), &[&wrong, &format!("/{len}"), dev]);
            }
        } else if line.is(&["ip", "link", "set"]) && line.words.last() == Some(&"up") {
            self.edit("link", line, none, &[line.words[3]]);
        } else if line.after("master").is_some() {
            self.edit("bridge port", line, none, &[line.words[3]]);
        } else if line.is(&["ip", "route", "add"]) {
            let net = line.words[3];
            self.edit("route forgotten", line, none, &[net, "route"]);
            let via = line.after("via").expect("a gateway");
            let wrong = other_ip(via, dice, true);
            self.edit("gateway", line, line.instead(via, &wrong), &[&wrong]);
            if let Some((ip, len)) = net.split_once('/') {
                let wrong = other_ip(ip, dice, false);
                let wrong = format!("{wrong}/{len}");
                self.edit("route", line, line.instead(net, &wrong), &[&wrong, net]);
            }
        } else if line.is(&["ip", "rule", "add"]) {
            self.edit("rule", line, none, &["rule", "table", "10.0.2"]);
            self.edit("rule", line, line.instead("lookup 100", "lookup 101"), &["100", "101"]);
            self.edit("rule", line, line.instead("10.0.2.0", "10.0.3.0"), &["10.0.3.0"]);
        } else if line.text.contains("forward") {
            self.edit("forwarding", line, none, &["forward"]);
            self.edit("forwarding", line, line.instead("=1", "=0"), &["forward"]);
        } else if line.is(&["iptables"]) {
            self.edit("masquerade", line, none, &["MASQUERADE", "masquerade", "192.168.15"]);
            self.edit("masquerade", line, line.instead("192.168.15.0", "192.168.16.0"), &["192.168.16.0"]);
            self.edit("masquerade", line, line.instead("-o wan", "-o lan"), &["lan", "wan"]);
        } else if line.is(&["ip", "link", "add"]) {
            if line.after("id") == Some("42") {
                self.edit("vxlan", line, line.instead("id 42", "id 24"), &["42", "24"]);
                self.edit("vxlan", line, line.instead("dstport 4789", "dstport 8472"), &["8472", "4789"]);
            }
            if line.after("id") == Some("5") {
                self.edit("vlan", line, line.instead("id 5", "id 50"), &["50"]);
            }
            for end in ["remote", "local"] {
                if let Some(ip) = line.after(end) {
                    let wrong = other_ip(ip, dice, true);
                    let edit = line.instead(&format!("{end} {ip}"), &format!("{end} {wrong}"));
                    self.edit("tunnel end", line, edit, &[&wrong]);
                }
            }
            if line.after("mode").is_some() {
                self.edit("macvlan", line, line.instead("mode bridge", "mode private"), &["private"]);
                self.edit("macvlan", line, line.instead("mode bridge", "mode vepa"), &["vepa"]);
            }
        }
    }

    /// What breaks a namespace.
    fn of_a_space(&mut self, ns: &str, to: &str, routed: bool, dice: &mut Dice) {
        let (tables, icmp, all, any) = match self.v6 {
            true => ("ip6tables", "icmpv6", "128", "ip -6"),
            false => ("iptables", "icmp", "32", "ip"),
        };
        let hooks: &[&str] = if routed { &["FORWARD"] } else { &["INPUT", "OUTPUT"] };
        for hook in hooks {
            self.later("policy", ns, &format!("{tables} -P {hook} DROP"), &[hook]);
            let target = dice.pick(&["DROP", "REJECT"]);
            self.later("firewall rule", ns, &format!("{tables} -I {hook} -p {icmp} -j {target}"), &[hook]);
            self.later("firewall rule", ns, &format!("{tables} -A {hook} -d {to} -j {target}"), &[hook]);
            let hook = hook.to_lowercase();
            let rules = format!(
                "nft 'table inet wall {{ chain {hook} {{ type filter hook {hook} priority 0; policy drop; }}; }}'"
            );
            self.later("policy of nft", ns, &rules, &["wall", &hook]);
            let rules = format!(
                "nft 'table inet wall {{ chain {hook} {{ type filter hook {hook} priority 0; meta l4proto {icmp} drop; }}; }}'"
            );
            self.later("rule of nft", ns, &rules, &["wall", &hook]);
        }
        self.later(
            "firewall rule",
            ns,
            &format!("{tables} -t raw -I PREROUTING -p {icmp} -j DROP"),
            &["PREROUTING"],
        );
        self.later(
            "firewall rule",
            ns,
            &format!("{tables} -t mangle -I POSTROUTING -p {icmp} -j DROP"),
            &["POSTROUTING"],
        );
        for kind in ["blackhole", "unreachable", "prohibit"] {
            self.later("route too many", ns, &format!("ip route add {kind} {to}/{all}"), &[kind]);
            self.later("rule too many", ns, &format!("{any} rule add to {to} {kind} pref 50"), &[kind]);
        }
        if !routed {
            self.later("route flushed", ns, &format!("{any} route flush table main"), &["route"]);
        }
        if self.v6 {
            self.later("sysctl", ns, "sysctl -qw net.ipv6.icmp.echo_ignore_all=1", &["echo_ignore_all"]);
        } else {
            self.later("sysctl", ns, "sysctl -qw net.ipv4.icmp_echo_ignore_all=1", &["icmp_echo_ignore_all"]);
            self.later("sysctl", ns, "sysctl -qw net.ipv4.conf.all.arp_ignore=8", &["arp_ignore"]);
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

    /// What breaks a link that has an address.
    fn of_a_link(&mut self, ns: &str, dev: &str, dice: &mut Dice) {
        let key = dev.replace('.', "/");
        self.later("link", ns, &format!("ip link set {dev} down"), &[dev]);
        self.later("address forgotten", ns, &format!("ip addr flush dev {dev}"), &[dev]);
        if self.v6 {
            let switch = format!("net.ipv6.conf.{key}.disable_ipv6");
            self.later("sysctl", ns, &format!("sysctl -qw {switch}=1"), &["disable_ipv6"]);
        } else {
            self.later("arp", ns, &format!("ip link set {dev} arp off"), &[dev]);
            for (switch, value) in [("forwarding", 0), ("rp_filter", 1), ("arp_ignore", 8)] {
                let command = format!("sysctl -qw net.ipv4.conf.{key}.{switch}={value}");
                self.later("sysctl", ns, &command, &[switch]);
            }
        }
        let loss = dice.pick(&["netem loss 100%", "pfifo limit 0"]);
        self.later("queue", ns, &format!("tc qdisc add dev {dev} root {loss}"), &[dev]);
        let filter = format!(
            "tc qdisc add dev {dev} clsact; {}",
            inside(
                ns,
                &format!(
                    "tc filter add dev {dev} {} matchall action drop",
                    dice.pick(&["ingress", "egress"])
                )
            )
        );
        self.later("filter of tc", ns, &filter, &[dev]);
        if !self.v6 {
            let wall =
                "nft 'table arp wall { chain in { type filter hook input priority 0; policy drop; }; }'";
            self.later("arp", ns, wall, &["wall"]);
        }
        if !dev.starts_with("vx") && !dev.starts_with("gre") {
            let mtu = 1280 + dice.below(60);
            self.later("mtu", ns, &format!("ip link set {dev} mtu {mtu}"), &[&mtu.to_string(), dev]);
            self.all.last_mut().expect("just pushed").large = true;
        }
    }

    /// What breaks a port of a bridge.
    fn of_a_port(&mut self, ns: &str, port: &str, bridge: &str, dice: &mut Dice) {
        self.later("link", ns, &format!("ip link set {port} down"), &[port]);
        self.later("link", ns, &format!("ip link set {bridge} down"), &[bridge]);
        self.later("bridge port", ns, &format!("ip link set {port} nomaster"), &[port]);
        let state =
            dice.pick(&["state 0", "locked on", "learning off flood off bcast_flood off mcast_flood off"]);
        self.later("bridge port", ns, &format!("bridge link set dev {port} {state}"), &[port]);
        let vlan = format!(
            "ip link set {bridge} type bridge vlan_filtering 1; {}",
            inside(ns, &format!("bridge vlan del vid 1 dev {port}"))
        );
        self.later("vlan of a bridge", ns, &vlan, &[port]);
        let rules =
            "nft 'table bridge wall { chain f { type filter hook forward priority 0; policy drop; }; }'";
        self.later("bridge firewall", ns, rules, &["wall"]);
    }
}
