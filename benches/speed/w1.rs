//! W1: two namespaces, one cable, addresses, one ping, and then the routes
//! and neighbours of both are read.

use crate::floor::Work;
use crate::race::{Bound, Race, Requirement};
use crate::setting::Setting;
use crate::variant::{IP, PING, Variant, Who};
use std::io;
use std::path::PathBuf;

/// The default number of rounds.
const ROUNDS: usize = 40;

const REQUIREMENTS: [Requirement; 5] = [
    Requirement { of: Who::Test, to: Who::Floor, bound: Bound::AtMost(2.0) },
    Requirement { of: Who::Shell, to: Who::Test, bound: Bound::AtLeast(15.0) },
    Requirement { of: Who::Batch, to: Who::Test, bound: Bound::AtLeast(3.0) },
    Requirement { of: Who::Run, to: Who::Test, bound: Bound::AtMost(1.5) },
    Requirement { of: Who::Tutorial, to: Who::Test, bound: Bound::AtMost(1.3) },
];

/// Names, addresses and the checks are the same in each lab; only the way in
/// which the cable comes to its place differs.
const NAMESPACES: &str = r#"
let red = netns("red");
let blue = netns("blue");
"#;

/// The style of a lab whose author knows that an end can be made in its place.
const DIRECT: &str = r#"
veth(red, "veth-red", blue, "veth-blue");
"#;

/// As tutorials do it: the pair is born in the host and then moved.
const TUTORIAL: &str = r#"
veth("veth-red", "veth-blue");
set_netns("veth-red", red);
set_netns("veth-blue", blue);
"#;

const ADDRESSES: &str = r#"
red.addr_add("veth-red", "192.168.15.1/24");
blue.addr_add("veth-blue", "192.168.15.2/24");
red.up("lo");
blue.up("lo");
red.up("veth-red");
blue.up("veth-blue");
"#;

const CHECKS: &str = r#"
check("red reaches blue", ping(red, "192.168.15.2"));
check("red's route", routes(red).contains(#{dst: "192.168.15.0/24", dev: "veth-red"}));
check("blue's route", routes(blue).contains(#{dst: "192.168.15.0/24", dev: "veth-blue"}));
check("red knows blue", arp(red).contains(#{ip: "192.168.15.2", state: "resolved"}));
check("blue knows red", arp(blue).contains(#{ip: "192.168.15.1", state: "resolved"}));
"#;

/// The number of these checks.
pub const CHECK_COUNT: usize = 5;

const SNAPSHOTS: &str = r#"
check("red reaches blue", ping(red, "192.168.15.2"));
snapshot("red's routes", routes(red));
snapshot("blue's routes", routes(blue));
snapshot("red's neighbours", arp(red));
snapshot("blue's neighbours", arp(blue));
"#;

/// The number of these snapshots.
pub const SNAPSHOT_COUNT: usize = 4;

/// Each step its own command, as tutorials have it: what happens in a
/// namespace is a program run there.
const SHELL: &str = "\
ip netns add red
ip netns add blue
ip link add veth-red type veth peer name veth-blue
ip link set veth-red netns red
ip link set veth-blue netns blue
ip netns exec red ip addr add 192.168.15.1/24 dev veth-red
ip netns exec blue ip addr add 192.168.15.2/24 dev veth-blue
ip netns exec red ip link set lo up
ip netns exec blue ip link set lo up
ip netns exec red ip link set veth-red up
ip netns exec blue ip link set veth-blue up
ip netns exec red ping -c1 -W1 192.168.15.2
ip netns exec red ip route
ip netns exec red ip neigh
ip netns exec blue ip route
ip netns exec blue ip neigh
";

/// A batch for the host and one for each namespace, written for speed: `ip -batch` is
/// about one namespace.
const BATCH: &str = "\
ip -batch host.batch
ip -n red -batch red.batch
ip -n blue -batch blue.batch
ip netns exec red ping -c1 -W1 192.168.15.2
ip -n red -batch look.batch
ip -n blue -batch look.batch
";

const BATCHES: [(&str, &str); 4] = [
    (
        "w1/host.batch",
        "netns add red\n\
         netns add blue\n\
         link add veth-red netns red type veth peer name veth-blue netns blue\n",
    ),
    ("w1/red.batch", "addr add 192.168.15.1/24 dev veth-red\nlink set lo up\nlink set veth-red up\n"),
    ("w1/blue.batch", "addr add 192.168.15.2/24 dev veth-blue\nlink set lo up\nlink set veth-blue up\n"),
    ("w1/look.batch", "route show\nneigh show\n"),
];

/// The expected entries in the tables of both sides at the end.
const TABLES: [&str; 4] = [
    "192.168.15.0/24 dev veth-red",
    "192.168.15.0/24 dev veth-blue",
    "192.168.15.2 dev veth-red lladdr",
    "192.168.15.1 dev veth-blue lladdr",
];

/// All variants, in the order of the table.
pub fn race(setting: &Setting) -> io::Result<Race> {
    let workshop = &setting.workshop;
    for (path, text) in BATCHES {
        workshop.write(path, &[text])?;
    }
    let direct = direct_lab(setting)?;
    let tutorial = workshop.write("labs/w1/tutorial.rhai", &[NAMESPACES, TUTORIAL, ADDRESSES, CHECKS])?;
    let tables = TABLES.map(String::from).to_vec();
    let told = [tables.clone(), vec![format!("{CHECK_COUNT} passed")]].concat();
    let variants = vec![
        Variant::floor(setting, Work::W1)?,
        Variant::test(setting, Who::Test, &direct, CHECK_COUNT),
        Variant::test(setting, Who::Tutorial, &tutorial, CHECK_COUNT),
        Variant::run(setting, &direct, told),
        Variant::script(setting, Who::Batch, "w1", BATCH, &[IP, PING], tables.clone())?,
        Variant::script(setting, Who::Shell, "w1", SHELL, &[IP, PING], tables)?,
    ];
    Ok(Race::new("W1", Work::W1, ROUNDS, variants, &REQUIREMENTS))
}

/// The text of the lab whose cable is made in its place.
pub fn text() -> String {
    [NAMESPACES, DIRECT, ADDRESSES, CHECKS].concat()
}

/// Writes that lab.
pub fn direct_lab(setting: &Setting) -> io::Result<PathBuf> {
    setting.workshop.write("labs/w1/direct.rhai", &[&text()])
}

/// Writes the lab that takes snapshots, and gives its file and the folder
/// where nslab keeps them.
pub fn snapshot_lab(setting: &Setting) -> io::Result<(PathBuf, PathBuf)> {
    let parts = [NAMESPACES, DIRECT, ADDRESSES, SNAPSHOTS];
    let lab = setting.workshop.write("labs/w1/snapshots.rhai", &parts)?;
    Ok((lab, setting.workshop.folder().join("snapshots/w1/snapshots")))
}
