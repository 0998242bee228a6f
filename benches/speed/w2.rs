//! W2: red and blue on the bridge `v-net-0`, behind a host that forwards and
//! masquerades. Blue pings the outside, which knows the host only, and then
//! the tables of all are read.

use crate::floor::Work;
use crate::race::{Bound, Race, Requirement};
use crate::setting::Setting;
use crate::variant::{BRIDGE, IP, IPTABLES, PING, SYSCTL, Variant, Who};
use std::io;

/// The default number of rounds.
const ROUNDS: usize = 32;

const REQUIREMENTS: [Requirement; 2] = [
    Requirement { of: Who::Test, to: Who::Floor, bound: Bound::AtMost(1.7) },
    Requirement { of: Who::Shell, to: Who::Test, bound: Bound::AtLeast(20.0) },
];

pub const LAB: &str = r#"
bridge("v-net-0");
up("v-net-0");
addr_add("v-net-0", "192.168.15.5/24");

let red = netns("red");
let blue = netns("blue");
veth(red, "veth-red", host(), "veth-red-br");
veth(blue, "veth-blue", host(), "veth-blue-br");
set_master("veth-red-br", "v-net-0");
set_master("veth-blue-br", "v-net-0");
red.addr_add("veth-red", "192.168.15.1/24");
blue.addr_add("veth-blue", "192.168.15.2/24");
red.up("veth-red");
blue.up("veth-blue");
up("veth-red-br");
up("veth-blue-br");
red.route_add("default", "192.168.15.5");
blue.route_add("default", "192.168.15.5");

let outside = netns("outside");
veth(host(), "eth0", outside, "eth0");
addr_add("eth0", "192.168.1.2/24");
outside.addr_add("eth0", "192.168.1.3/24");
up("eth0");
outside.up("eth0");

sysctl("net.ipv4.ip_forward", "1");
masquerade("192.168.15.0/24");

check("blue reaches the outside", ping(blue, "192.168.1.3"));
check("the host's routes", routes().contains(#{dst: "192.168.15.0/24", dev: "v-net-0"}));
check("red's routes", routes(red).contains(#{dst: "default", via: "192.168.15.5"}));
check("blue's routes", routes(blue).contains(#{dst: "default", via: "192.168.15.5"}));
check("the outside's routes", routes(outside).len() == 1);
check("the host knows both", arp().contains(#{ip: "192.168.15.2"}) && arp().contains(#{ip: "192.168.1.3"}));
check("red knows nobody", arp(red).is_empty());
check("blue knows the bridge", arp(blue).contains(#{ip: "192.168.15.5", state: "resolved"}));
check("the outside knows the host", arp(outside).contains(#{ip: "192.168.1.2", state: "resolved"}));
check("the bridge knows blue", fdb("v-net-0").contains(#{port: "veth-blue-br", state: "learned"}));
"#;

/// The number of these checks.
pub const CHECK_COUNT: usize = 10;

const SHELL: &str = "\
ip netns add red
ip netns add blue
ip link add v-net-0 type bridge
ip link set dev v-net-0 up
ip link add veth-red type veth peer name veth-red-br
ip link add veth-blue type veth peer name veth-blue-br
ip link set veth-red netns red
ip link set veth-red-br master v-net-0
ip link set veth-blue netns blue
ip link set veth-blue-br master v-net-0
ip netns exec red ip addr add 192.168.15.1/24 dev veth-red
ip netns exec blue ip addr add 192.168.15.2/24 dev veth-blue
ip netns exec red ip link set veth-red up
ip netns exec blue ip link set veth-blue up
ip link set veth-red-br up
ip link set veth-blue-br up
ip addr add 192.168.15.5/24 dev v-net-0
ip netns exec red ip route add default via 192.168.15.5
ip netns exec blue ip route add default via 192.168.15.5
ip netns add outside
ip link add eth0 type veth peer name eth0 netns outside
ip addr add 192.168.1.2/24 dev eth0
ip link set eth0 up
ip netns exec outside ip addr add 192.168.1.3/24 dev eth0
ip netns exec outside ip link set eth0 up
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -s 192.168.15.0/24 -j MASQUERADE
ip netns exec blue ping -c1 -W1 192.168.1.3
ip route
ip neigh
ip netns exec red ip route
ip netns exec red ip neigh
ip netns exec blue ip route
ip netns exec blue ip neigh
ip netns exec outside ip route
ip netns exec outside ip neigh
bridge fdb show br v-net-0
";

/// The expected entries in the tables at the end.
const TABLES: [&str; 7] = [
    "192.168.15.0/24 dev v-net-0",
    "192.168.15.2 dev v-net-0 lladdr",
    "default via 192.168.15.5 dev veth-red",
    "default via 192.168.15.5 dev veth-blue",
    "192.168.15.5 dev veth-blue lladdr",
    "192.168.1.2 dev eth0 lladdr",
    "dev veth-blue-br master v-net-0",
];

/// All variants, in the order of the table.
pub fn race(setting: &Setting) -> io::Result<Race> {
    let lab = setting.workshop.write("labs/w2/nat.rhai", &[LAB])?;
    let tools = [IP, BRIDGE, SYSCTL, IPTABLES, PING];
    let variants = vec![
        Variant::floor(setting, Work::W2)?,
        Variant::test(setting, Who::Test, &lab, CHECK_COUNT),
        Variant::script(setting, Who::Shell, "w2", SHELL, &tools, TABLES.map(String::from).to_vec())?,
    ];
    Ok(Race::new("W2", Work::W2, ROUNDS, variants, &REQUIREMENTS))
}
