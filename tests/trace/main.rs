//! The rule that stopped a packet, of whichever tool: as the kernel and the tools report
//! it for real packets in real namespaces. And the command that is named for it lets the
//! packets pass.

#[path = "../measured/mod.rs"]
mod measured;
mod rooms;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nslab::net::{Culprit, FirewallSnapshot, Limits, Netns, Network, Passage, TraceStep};
use rooms::Plain;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

/// Two namespaces, `red` and `blue`, with a cable between them, or with a
/// bridge in `box` between them.
struct World {
    network: Network,
    red: Netns,
    blue: Netns,
    between: Option<Netns>,
}

/// The name, the tools that it needs, and the case itself.
type Case = (&'static str, &'static [&'static str], fn());

const NFT: &[&str] = &["nft"];
const IPTABLES: &[&str] = &["iptables-nft"];

const CASES: [Case; 32] = [
    ("an nft rule", NFT, an_nft_rule),
    ("an nft policy", NFT, an_nft_policy),
    ("an nft jump", NFT, an_nft_jump),
    ("an nft map of verdicts", NFT, an_nft_map),
    ("what is accepted in one table and dropped in another", NFT, two_tables),
    ("a marked packet is accepted by a set", NFT, a_set_and_a_mark),
    ("the family arp", NFT, the_family_arp),
    ("ingress of a device", NFT, ingress),
    ("egress of several devices", NFT, egress),
    ("a chain within a rule", NFT, chain_within),
    ("a queue that nobody serves", IPTABLES, queue),
    ("iptables drops", IPTABLES, iptables_drops),
    ("iptables rejects", IPTABLES, iptables_rejects),
    ("a policy of iptables", IPTABLES, iptables_policy),
    ("a chain of iptables", IPTABLES, iptables_chain),
    ("iptables with a comment that a shell would take apart", IPTABLES, iptables_comment),
    ("ip6tables drops", &["ip6tables-nft"], ip6tables_drops),
    ("arptables drops", &["arptables-nft"], arptables_drops),
    ("ebtables drops", &["ebtables-nft"], ebtables_drops),
    ("the old iptables drops", &["ip6tables-legacy", "iptables-legacy"], legacy_drops),
    ("the old arptables drops", &["arptables-legacy"], legacy_arptables),
    ("the old rules and those of nft", &["iptables-legacy", "iptables-nft"], both_kinds),
    ("ingress of the family inet", NFT, inet_ingress),
    ("what the sender itself drops", IPTABLES, output),
    ("a bridge that asks iptables", IPTABLES, bridge_asks_iptables),
    ("a chain that iptables can't read any more", &["iptables-nft", "nft"], mixed),
    ("a chain of ebtables with a policy", &["ebtables-nft"], ebtables_chain),
    ("hooks that a packet comes by", &["iptables-legacy"], hooks),
    ("hooks of a bridge", &["bridge"], hooks_of_a_bridge),
    ("connections with zone, mark and other addresses", IPTABLES, flows),
    ("the same as nft monitor", NFT, as_nft_monitor),
    ("nothing is left, and nobody is tracked", &[], nothing_is_left),
];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("NSLAB_TRACE_CASE") {
        rooms::furnish();
        let (.., case) = CASES.iter().find(|(known, ..)| *known == name).expect("a case of this name");
        case();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // They wait more than they work.
    arguments.test_threads.get_or_insert(nslab::run::at_a_time());
    let trials = CASES.map(|(name, tools, _)| Trial::ignorable_test(name, move || run(name, tools)));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

/// Options of unshare(1) by which all processes of a case end with it.
const ALONE: [&str; 3] = ["-Urnmpf", "--mount-proc", "--kill-child"];

/// Why this machine can't give namespaces to a case.
fn lack() -> Option<&'static str> {
    static LACK: OnceLock<Option<String>> = OnceLock::new();
    let lack = LACK.get_or_init(|| match Command::new("unshare").args(ALONE).arg("true").output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().into()),
        Err(error) => Some(format!("failed to start unshare: {error}")),
    });
    lack.as_deref()
}

/// Runs one case in namespaces of its own.
fn run(name: &str, tools: &[&str]) -> Result<Completion, Failed> {
    if let Some(lack) = measured::lacking(&[&["ip", "ping"], tools].concat()) {
        return measured::ignored(lack);
    }
    if let Some(lack) = lack() {
        return measured::ignored(lack);
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("unshare");
    let output = command.env("NSLAB_TRACE_CASE", name).args(ALONE).arg(program).output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        return Err(said.into());
    }
    // The case reports what it could not measure.
    match said.lines().find_map(|line| line.split_once("not measured: ")) {
        Some((_, lack)) => measured::ignored(lack),
        None => Ok(Completion::Completed),
    }
}

impl World {
    fn cable() -> Self {
        let world = Self::new(false);
        world.sh("ip link add eth0 netns red type veth peer name eth0 netns blue");
        world.addresses()
    }

    fn bridge() -> Self {
        let world = Self::new(true);
        world.sh("ip -n box link add br0 type bridge && ip -n box link set br0 up
             for ns in red blue; do
                 ip link add $ns netns box type veth peer name eth0 netns $ns
                 ip -n box link set $ns master br0 up
             done");
        world.addresses()
    }

    fn new(bridge: bool) -> Self {
        let network = Network::new(Box::new(Plain::new()), false).expect("a network");
        let make = |name| network.netns(name, true).expect("a namespace");
        let (red, blue) = (make("red"), make("blue"));
        let between = bridge.then(|| make("box"));
        Self { network, red, blue, between }
    }

    fn addresses(self) -> Self {
        self.sh("n=1; for ns in red blue; do
                 ip -n $ns link set lo up
                 ip -n $ns link set eth0 up
                 ip -n $ns addr add 10.0.0.$n/24 dev eth0
                 ip -n $ns addr add fd00::$n/64 dev eth0 nodad
                 n=2
             done");
        assert!(self.ping("10.0.0.2"), "it is reached before there are rules");
        self
    }

    fn sh(&self, script: &str) {
        let answer = self.network.sh(&self.network.host(), script, Limits::default()).expect("a shell");
        assert!(answer.ok(), "{script}: {}", answer.text());
    }

    fn ping(&self, to: &str) -> bool {
        let command = format!("ping -n -c 1 -W 0.3 {to}");
        self.network.exec(&self.red, &command, Limits::default()).expect("ping").ok()
    }

    /// Sends a ping that must be lost, and tells what stopped it in `netns`. Two
    /// ways to find it out must agree.
    fn lost(&self, netns: &Netns, to: &str) -> (Vec<TraceStep>, Vec<Culprit>) {
        let before = self.snapshot(netns);
        let old = self.network.legacy_snapshot(netns).expect("the old tables");
        let mut trace = self.network.trace_packets(netns).expect("a trace");
        assert!(!self.ping(to), "it is stopped");
        let (steps, passages) = (trace.steps(), trace.passages());
        let recount = self.network.firewall_recount(netns, &before).expect("its rules");
        let after = self.snapshot(netns);
        assert_eq!(recount, after, "who is asked but once knows the same");
        let culprits = before.culprits(&after, &steps);
        let stops = old.stops(&after, &steps, &passages);
        assert!(!stops.is_empty(), "{passages:#?}");
        for stop in stops {
            assert!(stop.hook.is_some(), "{stop:#?}");
            assert!(stop.culprit.as_ref().is_some_and(|one| culprits.contains(one)), "{stop:#?}");
            assert!(stop.packet.src.is_some(), "{stop:#?}");
        }
        (steps, culprits)
    }

    fn snapshot(&self, netns: &Netns) -> FirewallSnapshot {
        self.network.firewall_snapshot(netns).expect("its rules")
    }

    /// That `culprit` alone stops a ping, and that the command lets it pass.
    fn stops(&self, netns: &Netns, to: &str, culprit: &str, command: &str) {
        let (steps, culprits) = self.lost(netns, to);
        let told: Vec<String> = culprits.iter().map(tell).collect();
        assert_eq!(told, [culprit], "steps: {steps:#?}\nrules: {:#?}", self.snapshot(netns));
        assert_eq!(culprits[0].delete_command(netns.typed_name()), command);
        self.sh("ip -n red neigh flush all; ip -n blue neigh flush all");
        self.sh(command);
        assert!(self.ping(to), "after `{command}` it is reached");
        self.sh(&format!("{} > /dev/null", culprits[0].show_command(netns.typed_name())));
    }
}

fn tell(culprit: &Culprit) -> String {
    let Culprit { backend, family, table, chain, number, spec, verdict, policy, .. } = culprit;
    let number = number.map(|number| format!(" {number}")).unwrap_or_default();
    let policy = if *policy { " policy" } else { "" };
    format!("{backend:?} {family} {table} {chain}{number}{policy}: {spec} ({verdict})")
}

fn an_nft_rule() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table inet f
         add chain inet f in { type filter hook input priority 0; }
         add rule inet f in tcp dport 80 accept
         add rule inet f in icmp type echo-request drop'");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft inet f in 2: icmp type echo-request drop (drop)",
        "ip netns exec blue nft delete rule inet f in handle 3",
    );
}

fn an_nft_policy() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table ip f
         add chain ip f in { type filter hook input priority 0; policy drop; }
         add rule ip f in tcp dport 80 accept'");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft ip f in policy: drop (drop)",
        "ip netns exec blue nft 'chain ip f in { policy accept; }'",
    );
}

fn an_nft_jump() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table ip f
         add chain ip f pings
         add rule ip f pings counter
         add rule ip f pings reject with icmp host-prohibited
         add chain ip f in { type filter hook input priority 0; }
         add rule ip f in icmp type echo-request jump pings'");
    let (steps, _) = world.lost(&world.blue, "10.0.0.2");
    let told: Vec<String> = steps.iter().map(|step| format!("{} {}", step.chain, step.verdict)).collect();
    assert_eq!(told, ["in jump pings", "pings continue", "pings drop"]);
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft ip f pings 2: reject with icmp host-prohibited (drop)",
        "ip netns exec blue nft delete rule ip f pings handle 3",
    );
}

fn an_nft_map() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table ip f
         add chain ip f in { type filter hook input priority 0; }
         add rule ip f in ip saddr vmap { 10.0.0.1 : drop, 10.0.0.9 : accept }'");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft ip f in 1: ip saddr vmap { 10.0.0.1 : drop, 10.0.0.9 : accept } (drop)",
        "ip netns exec blue nft delete rule ip f in handle 3",
    );
}

fn two_tables() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table ip first
         add chain ip first in { type filter hook input priority -10; }
         add rule ip first in icmp type echo-request accept
         add table ip second
         add chain ip second in { type filter hook input priority 10; policy drop; }'");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft ip second in policy: drop (drop)",
        "ip netns exec blue nft 'chain ip second in { policy accept; }'",
    );
}

/// If nothing stops the packet, each step is reported, and no culprit.
fn a_set_and_a_mark() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table ip f
         add set ip f friends { type ipv4_addr; }
         add element ip f friends { 10.0.0.1 }
         add chain ip f pre { type filter hook prerouting priority -150; }
         add rule ip f pre ip saddr @friends meta mark set 7
         add chain ip f in { type filter hook input priority 0; policy drop; }
         add rule ip f in meta mark 7 accept'");
    let before = world.snapshot(&world.blue);
    let mut trace = world.network.trace_packets(&world.blue).expect("a trace");
    assert!(world.ping("10.0.0.2"));
    let steps = trace.steps();
    let requests = steps.iter().filter(|step| step.packet.icmp.is_some_and(|icmp| icmp.kind == 8));
    let told: Vec<String> = requests
        .map(|step| {
            let rule = before.rule_of(step).expect("a rule that is known");
            let (iif, mark) = (step.iif.as_deref().unwrap_or("-"), step.mark.unwrap_or_default());
            format!("{} {iif} {mark}: {} ({})", step.chain, rule.spec, step.verdict)
        })
        .collect();
    assert_eq!(
        told,
        [
            "pre eth0 7: ip saddr @friends meta mark set 0x00000007 (continue)",
            "pre eth0 7: accept (accept)",
            "in eth0 7: meta mark 0x00000007 accept (accept)",
        ]
    );
    assert_eq!(steps[0].packet.src, Some("10.0.0.1".parse().expect("an address")));
    assert_eq!(steps[0].packet.dst, Some("10.0.0.2".parse().expect("an address")));
    assert_eq!(steps[0].packet.icmp.and_then(|icmp| icmp.seq), Some(1));
    assert_eq!(before.culprits(&world.snapshot(&world.blue), &steps), []);
}

fn the_family_arp() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table arp f
         add chain arp f in { type filter hook input priority 0; }
         add rule arp f in arp operation request counter drop'
         ip -n red neigh flush all; ip -n blue neigh flush all");
    let (steps, _) = world.lost(&world.blue, "10.0.0.2");
    assert_eq!(steps[0].packet.arp, Some(1), "{steps:#?}");
    assert_eq!(steps[0].packet.dst, Some("10.0.0.2".parse().expect("an address")));
    world.sh("ip -n red neigh flush all");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft arp f in 1: arp operation request drop (drop)",
        "ip netns exec blue nft delete rule arp f in handle 2",
    );
}

fn ingress() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table netdev f
         add chain netdev f in { type filter hook ingress device eth0 priority 0; }
         add rule netdev f in ip protocol icmp drop'");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft netdev f in 1: ip protocol icmp drop (drop)",
        "ip netns exec blue nft delete rule netdev f in handle 2",
    );
}

fn egress() {
    let world = World::cable();
    world.sh("ip netns exec red nft 'add table netdev f
         add chain netdev f out { type filter hook egress devices = { lo, eth0 } priority 0; }
         add rule netdev f out ip daddr 10.0.0.2 drop'");
    world.stops(
        &world.red,
        "10.0.0.2",
        "Nft netdev f out 1: ip daddr 10.0.0.2 drop (drop)",
        "ip netns exec red nft delete rule netdev f out handle 2",
    );
}

fn chain_within() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table ip f
         add chain ip f in { type filter hook input priority 0; }
         add rule ip f in ip saddr 10.0.0.1 jump { ip protocol icmp drop; }'");
    let (_, culprits) = world.lost(&world.blue, "10.0.0.2");
    let [culprit] = &culprits[..] else { panic!("{culprits:#?}") };
    assert_eq!((culprit.chain.as_str(), culprit.number), ("in", Some(1)));
    world.sh(&culprit.delete_command(world.blue.typed_name()));
    assert!(world.ping("10.0.0.2"));
}

fn queue() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -A INPUT -p icmp -j NFQUEUE --queue-num 5");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "IptablesNft ip filter INPUT 1: -p icmp -j NFQUEUE --queue-num 5 (queue)",
        &format!("ip netns exec blue {} -D INPUT -p icmp -j NFQUEUE --queue-num 5", nft_kind("iptables")),
    );
}

fn iptables_drops() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -A INPUT -p tcp --dport 80 -j ACCEPT
         ip netns exec blue iptables-nft -A INPUT ! -s 10.0.0.9 -p icmp -j DROP");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "IptablesNft ip filter INPUT 2: ! -s 10.0.0.9/32 -p icmp -j DROP (drop)",
        &format!("ip netns exec blue {} -D INPUT ! -s 10.0.0.9/32 -p icmp -j DROP", nft_kind("iptables")),
    );
}

fn iptables_rejects() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -t mangle -A INPUT -p icmp -j MARK --set-mark 1");
    world.sh("ip netns exec blue iptables-nft -A INPUT -m mark --mark 1 -j REJECT");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "IptablesNft ip filter INPUT 1: -m mark --mark 0x1 -j REJECT --reject-with icmp-port-unreachable (drop)",
        &format!(
            "ip netns exec blue {} -D INPUT -m mark --mark 0x1 -j REJECT --reject-with icmp-port-unreachable",
            nft_kind("iptables")
        ),
    );
}

fn iptables_policy() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -t mangle -P PREROUTING DROP");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "IptablesNft ip mangle PREROUTING policy: DROP (drop)",
        &format!("ip netns exec blue {} -t mangle -P PREROUTING ACCEPT", nft_kind("iptables")),
    );
}

fn iptables_chain() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -N pings
         ip netns exec blue iptables-nft -A pings -s 10.0.0.9 -j RETURN
         ip netns exec blue iptables-nft -A pings -j DROP
         ip netns exec blue iptables-nft -A INPUT -p icmp -j pings");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "IptablesNft ip filter pings 2: -j DROP (drop)",
        &format!("ip netns exec blue {} -D pings -j DROP", nft_kind("iptables")),
    );
}

fn iptables_comment() {
    let world = World::cable();
    world
        .sh(r#"ip netns exec blue iptables-nft -A INPUT -m comment --comment 'it is "$HOME" (`x`)' -j DROP"#);
    world.stops(
        &world.blue,
        "10.0.0.2",
        r#"IptablesNft ip filter INPUT 1: -m comment --comment "it is \"$HOME\" (`x`)" -j DROP (drop)"#,
        &format!(
            r#"ip netns exec blue {} -D INPUT -m comment --comment 'it is "$HOME" (`x`)' -j DROP"#,
            nft_kind("iptables")
        ),
    );
}

fn ip6tables_drops() {
    let world = World::cable();
    world.sh("ip netns exec blue ip6tables-nft -A INPUT -p ipv6-icmp --icmpv6-type echo-request -j DROP");
    world.stops(
        &world.blue,
        "fd00::2",
        "IptablesNft ip6 filter INPUT 1: -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP (drop)",
        &format!(
            "ip netns exec blue {} -D INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP",
            nft_kind("ip6tables")
        ),
    );
}

fn arptables_drops() {
    let world = World::cable();
    world.sh("ip netns exec blue arptables-nft -A INPUT -s 10.0.0.1 -j DROP; ip -n red neigh flush all");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "ArptablesNft arp filter INPUT 1: -j DROP -s 10.0.0.1 (drop)",
        &format!("ip netns exec blue {} -D INPUT -j DROP -s 10.0.0.1", nft_kind("arptables")),
    );
}

fn ebtables_drops() {
    let world = World::bridge();
    let between = world.between.as_ref().expect("a bridge");
    world.sh("ip netns exec box ebtables-nft -A FORWARD -p IPv4 --ip-protocol icmp -j DROP");
    world.stops(
        between,
        "10.0.0.2",
        "EbtablesNft bridge filter FORWARD 1: -p IPv4 --ip-proto icmp -j DROP (drop)",
        &format!("ip netns exec box {} -D FORWARD -p IPv4 --ip-proto icmp -j DROP", nft_kind("ebtables")),
    );
    world.sh("ip netns exec box ebtables-nft -P FORWARD DROP");
    world.stops(
        between,
        "10.0.0.2",
        "EbtablesNft bridge filter FORWARD policy: DROP (drop)",
        &format!("ip netns exec box {} -P FORWARD ACCEPT", nft_kind("ebtables")),
    );
}

fn legacy_drops() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-legacy -A INPUT -p icmp -j DROP");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "IptablesLegacy ip filter INPUT 1: -p icmp -j DROP (drop)",
        "ip netns exec blue iptables-legacy -D INPUT -p icmp -j DROP",
    );
    world.sh("ip netns exec blue ip6tables-legacy -P INPUT DROP; ip -n red neigh flush all");
    world.stops(
        &world.blue,
        "fd00::2",
        "IptablesLegacy ip6 filter INPUT policy: DROP (drop)",
        "ip netns exec blue ip6tables-legacy -P INPUT ACCEPT",
    );
}

fn legacy_arptables() {
    let world = World::cable();
    world.sh("ip netns exec blue arptables-legacy -A INPUT -s 10.0.0.1 -j DROP; ip -n red neigh flush all");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "ArptablesLegacy arp filter INPUT 1: -j DROP -s 10.0.0.1 (drop)",
        "ip netns exec blue arptables-legacy -D INPUT -j DROP -s 10.0.0.1",
    );
}

/// Rules of both kinds in one namespace: the one that stops it is blamed, and
/// then the other.
fn both_kinds() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -A INPUT -p icmp -j DROP
         ip netns exec blue iptables-legacy -A INPUT -p icmp -j DROP");
    let (_, culprits) = world.lost(&world.blue, "10.0.0.2");
    let [first] = &culprits[..] else { panic!("one at a time: {culprits:#?}") };
    world.sh(&first.delete_command(world.blue.typed_name()));
    let (_, culprits) = world.lost(&world.blue, "10.0.0.2");
    let [second] = &culprits[..] else { panic!("one at a time: {culprits:#?}") };
    assert_ne!(first.backend, second.backend);
    world.sh(&second.delete_command(world.blue.typed_name()));
    assert!(world.ping("10.0.0.2"));
}

fn inet_ingress() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table inet f
         add chain inet f in { type filter hook ingress device eth0 priority 0; policy drop; }'");
    world.stops(
        &world.blue,
        "fd00::2",
        "Nft inet f in policy: drop (drop)",
        "ip netns exec blue nft 'chain inet f in { policy accept; }'",
    );
}

fn output() {
    let world = World::cable();
    world.sh("ip netns exec red iptables-nft -A OUTPUT -d 10.0.0.2 -j DROP");
    world.stops(
        &world.red,
        "10.0.0.2",
        "IptablesNft ip filter OUTPUT 1: -d 10.0.0.2/32 -j DROP (drop)",
        &format!("ip netns exec red {} -D OUTPUT -d 10.0.0.2/32 -j DROP", nft_kind("iptables")),
    );
}

fn bridge_asks_iptables() {
    let world = World::bridge();
    let between = world.between.as_ref().expect("a bridge");
    if let Err(error) = world.network.set_sysctl(between, "net.bridge.bridge-nf-call-iptables", "1") {
        return measured::skip(error);
    }
    world.sh("ip netns exec box iptables-nft -P FORWARD DROP");
    world.stops(
        between,
        "10.0.0.2",
        "IptablesNft ip filter FORWARD policy: DROP (drop)",
        &format!("ip netns exec box {} -P FORWARD ACCEPT", nft_kind("iptables")),
    );
}

fn mixed() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -A INPUT -p tcp -j ACCEPT
         ip netns exec blue nft add rule ip filter INPUT fib daddr type local drop");
    world.stops(
        &world.blue,
        "10.0.0.2",
        "Nft ip filter INPUT 2: fib daddr type local drop (drop)",
        "ip netns exec blue nft delete rule ip filter INPUT handle 3",
    );
}

fn ebtables_chain() {
    let world = World::bridge();
    let between = world.between.as_ref().expect("a bridge");
    world.sh("ip netns exec box ebtables-nft -N guests
         ip netns exec box ebtables-nft -P guests DROP
         ip netns exec box ebtables-nft -A guests -p ARP -j ACCEPT
         ip netns exec box ebtables-nft -A FORWARD -j guests");
    world.stops(
        between,
        "10.0.0.2",
        "EbtablesNft bridge filter guests policy: DROP (drop)",
        &format!("ip netns exec box {} -P guests ACCEPT", nft_kind("ebtables")),
    );
}

/// Our steps are the output of `nft monitor trace`.
fn as_nft_monitor() {
    let world = World::cable();
    world.sh("ip netns exec blue nft 'add table inet f
         add chain inet f pings
         add rule inet f pings counter
         add rule inet f pings return
         add chain inet f pre { type filter hook prerouting priority -300; }
         add chain inet f in { type filter hook input priority 0; }
         add rule inet f in icmp type echo-request jump pings
         add rule inet f in ip6 saddr fd00::1 drop
         add chain inet f out { type filter hook output priority 0; policy drop; }
         add rule inet f out icmp type echo-reply accept'");
    let mut trace = world.network.trace_packets(&world.blue).expect("a trace");
    let monitor = world.network.start(&world.blue, "nft monitor trace", false).expect("nft");
    let ours = |steps: &[TraceStep]| -> Vec<String> {
        let line = |step: &TraceStep| {
            let kind = format!("{:?}", step.kind).to_lowercase();
            format!("{:08x} {} {} {} {kind} {}", step.id, step.family, step.table, step.chain, step.verdict)
        };
        steps.iter().map(line).collect()
    };
    for _ in 0..50 {
        assert!(world.ping("10.0.0.2"));
        assert!(!world.ping("fd00::2"));
        let ours = ours(&trace.steps());
        assert!(ours.iter().any(|line| line.ends_with("inet f in rule jump pings")), "{ours:#?}");
        let theirs: Vec<String> = monitor.stdout().lines().filter_map(as_ours).collect();
        // It begins to listen when it does, and has printed when it has.
        if theirs.ends_with(&ours) {
            return;
        }
    }
    panic!("ours: {:#?}\ntheirs: {}", ours(&trace.steps()), monitor.stdout());
}

/// `trace id 8f3b0a1c inet f in rule … (verdict drop)`, in our words.
fn as_ours(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["trace", "id", id, family, table, chain, kind, ..] = words[..] else { return None };
    if kind == "packet:" || table == "nslab-why" {
        return None;
    }
    let verdict = match kind {
        "policy" => words[7],
        _ => line.rsplit_once("(verdict ")?.1.trim_end_matches(')'),
    };
    Some(format!("{id:0>8} {family} {table} {chain} {kind} {verdict}"))
}

/// A trace leaves the rules as they were, and has no connection tracked.
fn nothing_is_left() {
    let world = World::cable();
    let before = world.snapshot(&world.blue);
    assert_eq!(before.rules, []);
    let trace = world.network.trace_packets(&world.blue).expect("a trace");
    assert!(world.ping("10.0.0.2") && world.ping("fd00::2"));
    assert_eq!(world.snapshot(&world.blue), before, "our own table is no rule of the lab's");
    assert_eq!(world.network.flows(&world.blue).expect("connections"), []);
    drop(trace);
    let rows = world.network.firewall(&world.blue).expect("rules");
    assert!(rows.is_empty(), "{rows:?}");
}

/// The hooks that a ping comes by in `netns`: where its request went, and the
/// ARP that was needed.
fn passages(world: &World, netns: &Netns, to: &str, reached: bool) -> Vec<String> {
    let mut trace = world.network.trace_packets(netns).expect("a trace");
    assert_eq!(world.ping(to), reached);
    let passages = trace.passages();
    let requests =
        passages.iter().filter(|one| one.packet.icmp.is_some_and(|icmp| [8, 128].contains(&icmp.kind)));
    let tell = |one: &Passage| {
        let end = if one.done { " done" } else { "" };
        format!("{} {}{end}", one.family, one.hook)
    };
    requests.map(tell).collect()
}

fn hooks() {
    let world = World::cable();
    let came = ["inet prerouting", "inet prerouting done"];
    let whole = [&came[..], &["inet input", "inet input done"]].concat();
    let sent = ["inet output", "inet output done", "inet postrouting", "inet postrouting done"];
    assert_eq!(passages(&world, &world.blue, "10.0.0.2", true), whole);
    assert_eq!(passages(&world, &world.blue, "fd00::2", true), whole);
    assert_eq!(passages(&world, &world.red, "10.0.0.2", true), sent);
    // Of what nf_tables knows nothing.
    world.sh("ip netns exec blue iptables-legacy -A INPUT -p icmp -j DROP");
    assert_eq!(passages(&world, &world.blue, "10.0.0.2", false), whole[..3]);
    world.sh("ip netns exec blue iptables-legacy -F");
    // Between two hooks stands the route.
    world.sh("ip -n red addr add 10.9.9.9/32 dev lo; ip -n red route add 10.0.0.2/32 dev eth0 src 10.9.9.9");
    for kind in ["all", "eth0"] {
        let key = format!("net.ipv4.conf.{kind}.rp_filter");
        world.network.set_sysctl(&world.blue, &key, "1").expect("a switch");
    }
    assert_eq!(passages(&world, &world.blue, "10.0.0.2", false), came);
}

fn hooks_of_a_bridge() {
    let world = World::bridge();
    let between = world.between.as_ref().expect("a bridge");
    let _ = world.network.set_sysctl(between, "net.bridge.bridge-nf-call-iptables", "0");
    let came = ["bridge prerouting", "bridge prerouting done"];
    let whole = [
        &came[..],
        &["bridge forward", "bridge forward done", "bridge postrouting", "bridge postrouting done"],
    ]
    .concat();
    assert_eq!(passages(&world, between, "10.0.0.2", true), whole);
    world.sh("bridge -n box link set dev red isolated on; bridge -n box link set dev blue isolated on");
    assert_eq!(passages(&world, between, "10.0.0.2", false), came);
    // And the question of ARP as well.
    world.sh("ip -n red neigh flush all");
    let mut trace = world.network.trace_packets(between).expect("a trace");
    assert!(!world.ping("10.0.0.2"));
    let asked: Vec<_> = trace.passages().into_iter().filter(|one| one.packet.arp == Some(1)).collect();
    assert!(
        asked.iter().any(|one| one.hook == "prerouting" && one.iif.as_deref() == Some("red")),
        "{asked:#?}"
    );
    assert!(asked.iter().all(|one| one.hook != "forward"), "{asked:#?}");
}

fn flows() {
    let world = World::cable();
    world.sh("ip netns exec blue iptables-nft -t raw -A PREROUTING -i eth0 -j CT --zone 5
         ip netns exec blue iptables-nft -t mangle -A PREROUTING -j CONNMARK --set-mark 9
         ip netns exec blue iptables-nft -t nat -A PREROUTING -d 10.0.0.77 -j DNAT --to-destination 10.0.0.2
         ip -n red route add 10.0.0.77/32 via 10.0.0.2");
    // The answer is of no zone, and comes from another address than was asked;
    // some versions of ping take it.
    let _ = world.ping("10.0.0.77");
    let flows = world.network.flows(&world.blue).expect("connections");
    let there = flows.iter().find(|flow| flow.zone == 5).expect("one of zone 5");
    let ends = [&there.original, &there.reply].map(|end| format!("{} {}", end.src, end.dst));
    assert_eq!(ends, ["10.0.0.1 10.0.0.77", "10.0.0.2 10.0.0.1"], "{flows:#?}");
    assert_eq!((there.proto, there.mark, there.state), (1, 9, None));
    assert!(there.is_destination_nat() && !there.is_source_nat() && !there.is_replied());
    assert!((1..=30).contains(&there.timeout), "{there:?}");
    assert!(there.original.icmp.is_some_and(|(kind, code, _)| (kind, code) == (8, 0)));
}

/// The tool as one types it on this machine, where it is to speak to
/// nf_tables.
fn nft_kind(plain: &str) -> String {
    let path = std::fs::canonicalize(format!("/usr/sbin/{plain}")).unwrap_or_default();
    match path.to_string_lossy().contains("nft") {
        true => plain.into(),
        false => format!("{plain}-nft"),
    }
}
