//! W4: many namespaces on one bridge, and the first pings every other.

use crate::floor::Work;
use crate::race::{Bound, Race, Requirement};
use crate::setting::Setting;
use crate::variant::{IP, PING, SEQ, Variant, Who};
use std::io;
use std::path::PathBuf;

/// The number of namespaces in the race.
pub const NAMESPACES: u16 = 100;
/// The number of namespaces for a check that all variants work.
pub const FEW_NAMESPACES: u16 = 5;
/// The default number of rounds.
const ROUNDS: usize = 9;

const REQUIREMENTS: [Requirement; 2] = [
    Requirement { of: Who::Test, to: Who::Floor, bound: Bound::AtMost(1.7) },
    Requirement { of: Who::Shell, to: Who::Test, bound: Bound::AtLeast(20.0) },
];

/// It begins with how many, `N`.
const LAB: &str = r#"
bridge("v-net-0");
up("v-net-0");
let rooms = [];
for n in 1..=N {
    let ns = netns(`ns-${n}`);
    veth(ns, `veth-${n}`, host(), `veth-${n}-br`);
    set_master(`veth-${n}-br`, "v-net-0");
    ns.addr_add(`veth-${n}`, `10.0.${n / 256}.${n % 256}/16`);
    ns.up(`veth-${n}`);
    up(`veth-${n}-br`);
    rooms.push(ns);
}
for n in 2..=N {
    check("the first reaches every other", ping(rooms[0], `10.0.${n / 256}.${n % 256}`));
}
"#;

/// It begins with the number of namespaces, `N`. A lost ping ends it.
const SHELL: &str = "\
ip link add v-net-0 type bridge
ip link set dev v-net-0 up
for n in $(seq $N); do
    ip netns add ns-$n
    ip link add veth-$n type veth peer name veth-$n-br
    ip link set veth-$n netns ns-$n
    ip link set veth-$n-br master v-net-0
    ip netns exec ns-$n ip addr add 10.0.$((n / 256)).$((n % 256))/16 dev veth-$n
    ip netns exec ns-$n ip link set veth-$n up
    ip link set veth-$n-br up
done
for n in $(seq 2 $N); do
    ip netns exec ns-1 ping -c1 -W1 10.0.$((n / 256)).$((n % 256))
done
";

/// All variants with this number of namespaces, in the order of the table.
pub fn race(setting: &Setting, count: u16) -> io::Result<Race> {
    let lab = lab(setting, count)?;
    let shell = format!("N={count}\n{SHELL}");
    let [high, low] = count.to_be_bytes();
    let last = vec![format!("64 bytes from 10.0.{high}.{low}: icmp_seq=1")];
    let variants = vec![
        Variant::floor(setting, Work::W4(count))?,
        Variant::test(setting, Who::Test, &lab, 1),
        Variant::script(setting, Who::Shell, "w4", &shell, &[IP, PING, SEQ], last)?,
    ];
    Ok(Race::new(&format!("W4, N={count}"), Work::W4(count), ROUNDS, variants, &REQUIREMENTS))
}

/// Writes the lab with this number of namespaces.
pub fn lab(setting: &Setting, count: u16) -> io::Result<PathBuf> {
    setting.workshop.write(&format!("labs/w4/n{count}.rhai"), &[&format!("const N = {count};\n"), LAB])
}
