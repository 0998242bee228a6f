//! Commands that nslab carries out on a machine without their program have the same
//! result as with the program: each lab here runs once with the real one, and once with
//! it hidden.

use crate::measured::{lacking, skip};
use crate::support::{Scratch, forget_others, output, sandbox_lack};
use std::process::Command;

/// Shows `/dev/null` in the place of these programs, which nobody can run then.
const HIDE: &str = r#"
for program in $HIDDEN; do
    for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do
        [ ! -e "$folder/$program" ] || mount --bind /dev/null "$folder/$program"
    done
done
exec "$@"
"#;

/// All that can be seen of the network.
const SHOWN: &str = r#"
for ns in [host()] + netns_list() {
    note(`${ns}\n${links(ns)}\n${addrs(ns)}\n${routes(ns)}\n${routes(ns, #{table: "100"})}\n${rules(ns)}\n${arp(ns)}`);
    note(`${routes(ns, #{family: "inet6"})}\n${firewall(ns)}`);
    for entry in if ns == "host" { fdb(ns, "br0") } else { [] } {
        if entry.state != "learned" { note(`${entry.mac} ${entry.port} ${entry.state}`); }
    }
}
"#;

/// The network in which the commands are typed.
const BEFORE: &str = r#"
let red = netns("red");
let blue = netns("blue");
bridge("br0"); up("br0");
veth(red, "eth0", host(), "to-red"); set_master("to-red", "br0"); up("to-red");
veth(blue, "eth0", host(), "to-blue"); set_master("to-blue", "br0"); up("to-blue");
red.up("eth0"); blue.up("eth0");
red.addr_add("eth0", "10.0.0.1/24"); blue.addr_add("eth0", "10.0.0.2/24");
red.up("lo");
bridge("br1");
"#;

/// Returns the output of a lab with these programs hidden.
fn printed(commands: &[&str], hidden: &str) -> (String, i32) {
    let scratch = Scratch::new();
    let typed: Vec<String> = commands.iter().map(|command| format!("sh({command:?});\n")).collect();
    scratch.write("lab.rhai", format!("{BEFORE}{}{SHOWN}", typed.concat()));
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-ec", HIDE, "sh", env!("CARGO_BIN_EXE_nslab"), "run", "lab.rhai"]);
    command.env("HIDDEN", hidden).current_dir(scratch.path());
    forget_others(&mut command);
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // Learned entries of a bridge depend on the traffic meanwhile.
    let lines = text.lines().filter(|line| !line.ends_with(" learned"));
    (lines.collect::<Vec<_>>().join("\n"), output.status.code().unwrap_or(-1))
}

/// Returns the reason why the two can't be compared on this machine.
fn lack(program: &str) -> Option<String> {
    let without = Command::new("unshare").args(["-Urm", "true"]).output();
    if let Some(lack) = sandbox_lack() {
        return Some(lack.into());
    }
    if !without.is_ok_and(|output| output.status.success()) {
        return Some("`unshare -Urm` does not work here".into());
    }
    lacking(&[program])
}

/// Checks that the commands have the same result with the program and without.
#[track_caller]
fn same(program: &str, commands: &[&str]) {
    if let Some(lack) = lack(program) {
        return skip(&lack);
    }
    let (with, code) = printed(commands, "");
    assert_eq!(code, 0, "{with}");
    let (without, code) = printed(commands, program);
    assert_eq!(code, 0, "{without}");
    pretty_assertions::assert_eq!(with, without);
}

#[test]
fn ip_link() {
    same(
        "ip",
        &[
            "ip -n red link set eth0 mtu 1400",
            "ip -n red link set eth0 address 02:00:00:00:00:07",
            "ip netns exec blue ip link set dev eth0 down",
            "ip link set to-blue nomaster",
            "ip link set to-blue master br1 up\nip link set br1 address 02:00:00:00:00:08",
            "ip link set br1 type bridge stp_state 1",
            "ip link set br1 type bridge stp_state 0",
            "ip -n blue link set eth0 arp off",
            "ip link del br1",
            "ip -n blue link del eth0",
        ],
    );
}

#[test]
fn ip_address() {
    same(
        "ip",
        &[
            "ip -n red addr add 10.0.1.1/24 brd + dev eth0",
            "ip -n red addr add 10.0.2.1/24 brd 10.0.2.255 dev eth0",
            "ip -n red addr add 10.0.3.1 peer 10.0.3.2/32 dev eth0",
            "ip -n red addr del 10.0.0.1/24 dev eth0",
            "ip -n blue addr add fd00::2/64 dev eth0 nodad",
            "ip addr add 10.0.0.9/24 dev br0",
            "ip addr del 10.0.0.9/24 dev br0",
        ],
    );
}

#[test]
fn ip_route_and_rule() {
    same(
        "ip",
        &[
            "ip -n red route add default via 10.0.0.2",
            "ip -n red route replace default via 10.0.0.3 dev eth0",
            "ip -n red route add 10.1.0.0/16 via 10.0.0.2 metric 50",
            "ip -n red route add 10.2.0.0/16 dev eth0 src 10.0.0.1",
            "ip -n red route append 10.1.0.0/16 via 10.0.0.3 metric 50",
            "ip -n red route change 10.2.0.0/16 via 10.0.0.2",
            "ip -n red route add blackhole 10.3.0.0/16",
            "ip -n red route add unreachable 10.4.0.0/16",
            "ip -n red route del unreachable 10.4.0.0/16",
            "ip -n red route add default via 10.0.0.2 table 100",
            "ip -n red route add 172.16.0.0/12 via 192.0.2.1 dev eth0 onlink",
            "ip -n red route add 10.5.0.0/16 via 10.0.0.2 mtu 1200",
            "ip -n red route flush cache",
            "ip -n red rule add to 10.9.0.0/16 lookup 100",
            "ip -n red rule add from 10.0.0.1 iif lo table 100 pref 77",
            "ip -n red rule add fwmark 7 pref 78 prohibit",
            "ip -n red rule del pref 77",
            "ip -n blue addr add fd00::2/64 dev eth0 nodad",
            "ip -n blue -6 route add default via fd00::1",
            "ip -n blue -6 rule add from fd00::/64 lookup 100 pref 5",
        ],
    );
}

#[test]
fn ip_neigh_and_bridge() {
    same(
        "ip",
        &[
            "ip -n red neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0",
            "ip -n red neigh replace 10.0.0.7 lladdr 02:00:00:00:00:08 dev eth0 nud permanent",
            "ip -n red neigh add 10.0.0.8 lladdr 02:00:00:00:00:07 dev eth0",
            "ip -n red neigh del 10.0.0.8 dev eth0",
            "ip -n red neigh flush dev eth0",
        ],
    );
    let commands = [
        "bridge link set dev to-red state 0",
        "bridge link set dev to-blue learning off flood off",
        "bridge fdb add 02:00:00:00:00:11 dev to-blue master static",
        "bridge fdb replace 02:00:00:00:00:11 dev to-blue master",
        "bridge fdb add 02:00:00:00:00:12 dev to-blue master",
        "bridge fdb del 02:00:00:00:00:12 dev to-blue master",
    ];
    let shown = [
        &commands[..],
        &["cat /sys/class/net/to-*/brport/{state,learning,unicast_flood} 2>/dev/null | tr '\\n' ' '"],
    ]
    .concat();
    same("bridge", &shown);
}

#[test]
fn sysctl() {
    same(
        "sysctl",
        &[
            "ip netns exec red sysctl -w net.ipv4.ip_forward=1",
            "ip netns exec red sysctl -qw net.ipv4.conf.eth0.rp_filter=2",
            "sysctl -qw net.ipv4.ip_default_ttl=9",
            "cat /proc/sys/net/ipv4/ip_default_ttl",
            "ip netns exec red cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/eth0/rp_filter",
        ],
    );
}

#[test]
fn iptables() {
    same(
        "iptables",
        &[
            "ip netns exec red iptables -P FORWARD DROP",
            "ip netns exec red iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
            "ip netns exec red iptables -I FORWARD -i eth0 -o veth+ -s 10.0.0.0/24 ! -d 10.1.2.3 -p tcp --dport 80:90 -j ACCEPT",
            "ip netns exec red iptables -I FORWARD 2 -p udp --sport 53 -j DROP",
            "ip netns exec red iptables -R FORWARD 2 -p udp -m udp ! --sport 54 -j REJECT",
            "ip netns exec red iptables -A FORWARD -p icmp -m icmp --icmp-type echo-request -j ACCEPT",
            "ip netns exec red iptables -D FORWARD -p icmp --icmp-type 8 -j ACCEPT",
            "ip netns exec red iptables -A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset",
            "ip netns exec red iptables -N MINE",
            "ip netns exec red iptables -A MINE -m iprange --src-range 10.0.0.1-10.0.0.9 -j RETURN",
            "ip netns exec red iptables -A MINE -p tcp -m multiport --dports 22,80:90 -j DROP",
            "ip netns exec red iptables -A INPUT -j MINE",
            "ip netns exec red iptables -N EMPTY",
            "ip netns exec red iptables -X EMPTY",
            "ip netns exec red iptables -A OUTPUT -j ACCEPT",
            "ip netns exec red iptables -F OUTPUT",
            "ip netns exec red iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -o eth0 -j MASQUERADE",
            "ip netns exec red iptables -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 10.0.0.1",
            "ip netns exec red iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080",
            "ip netns exec red iptables -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 8081",
            "ip netns exec red iptables -t nat -A OUTPUT -p tcp -m addrtype --dst-type LOCAL --dport 80 -j DNAT --to-destination 10.0.0.2",
            "ip netns exec red iptables -t mangle -A PREROUTING -j MARK --set-mark 51",
            "ip netns exec red iptables -t mangle -A PREROUTING -i eth0 -j TTL --ttl-set 9",
            "ip netns exec red iptables -t raw -A PREROUTING -s 10.0.0.7 -j CT --notrack",
            "ip netns exec red iptables -t raw -A OUTPUT -p icmp -j CT --zone 7",
            "ip netns exec red iptables -A INPUT -f -j DROP",
        ],
    );
}

#[test]
fn what_is_not_known_is_not_measured() {
    for (program, command) in [
        ("ip", "ip -n red link show eth0"),
        ("ip", "ip -n red link set eth0 frobnicated"),
        ("ip", "ip -n red route add 10.9.0.0/16 via 192.0.2.77"),
        ("iptables", "iptables -L"),
        ("iptables", "iptables -A INPUT --dport 80 -j ACCEPT"),
        ("iptables", "iptables -A INPUT -j NOWHERE"),
    ] {
        if let Some(lack) = lack(program) {
            return skip(&lack);
        }
        let (text, code) = printed(&[command], program);
        assert!(code == 0 && text.contains("1 not measured"), "{command}: {code}\n{text}");
        assert!(text.contains(&format!("exec of \"{program}\" failed")), "{command}:\n{text}");
    }
}
