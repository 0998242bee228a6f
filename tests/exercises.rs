//! The exercises of this project: each is sound, sees what is wrong, and gives
//! all points to whoever does the job, by whatever means.

use crate::measured::{lacking, skip};
use crate::support::{Scratch, forget_others, output, sandbox_lack, side_by_side};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What does the same in another way. Numbers are those of nobody in
/// particular, which come first.
const OTHER_WAYS: [(&str, &str); 39] = [
    // Who is in the room is up to nobody but the one who makes it.
    (
        "namespaces",
        "for room in blue red; do ip netns add $room; ip netns exec $room ip link set lo up; done\nip netns del green\n",
    ),
    (
        "namespaces",
        "let red = netns(\"red\");\nlet blue = netns(\"blue\");\nred.up(\"lo\");\nblue.up(\"lo\");\ndelete(green);\n",
    ),
    // The cable is born where it belongs, or is none: a bridge between two.
    (
        "cable",
        "ip -n blue link add east type veth peer name west netns red\nip -n red link set west up\nip -n blue link set east up\nip -n red addr add 192.168.15.1/24 dev west\nip -n blue addr add 192.168.15.2/24 dev east\n",
    ),
    (
        "cable",
        "veth(red, \"eth0\", blue, \"eth0\");\nfor end in [[red, 1], [blue, 2]] {\n    end[0].addr_add(\"eth0\", `192.168.15.${end[1]}/24`);\n    end[0].up(\"eth0\");\n}\n",
    ),
    (
        "cable",
        "ip link add br0 type bridge\nip link set br0 up\nn=0\nfor room in red blue; do\n  n=$((n + 1))\n  ip link add to-$room type veth peer name eth0 netns $room\n  ip link set to-$room master br0 up\n  ip -n $room addr add 192.168.15.$n/24 dev eth0\n  ip -n $room link set eth0 up\ndone\n",
    ),
    // Two halves are a whole.
    (
        "cable",
        "ip link add e0 netns red type veth peer name e1 netns blue\nip -n red addr add 192.168.15.1/32 dev e0\nip -n blue addr add 192.168.15.2/32 dev e1\nip -n red link set e0 up\nip -n blue link set e1 up\nip -n red route add 192.168.15.0/25 dev e0\nip -n red route add 192.168.15.128/25 dev e0\nip -n blue route add 192.168.15.0/24 dev e1\n",
    ),
    (
        "switch-on",
        "ip -n red -batch - <<END\nlink set lo up\nlink set veth-red up\nEND\nip netns exec blue sh -c 'for link in lo veth-blue; do ip link set $link up; done'\n",
    ),
    (
        "mask",
        "ip -n red addr del 192.168.15.1/32 dev veth-red\nip -n red addr add 192.168.15.1/24 dev veth-red\nip -n blue addr flush dev veth-blue\nip -n blue addr add 192.168.15.2/255.255.255.0 dev veth-blue\n",
    ),
    ("subnet", "ip -n blue addr flush dev veth-blue\nip -n blue addr add 10.12.7.2/24 dev veth-blue\n"),
    (
        "bridge",
        "bridge(\"br0\");\nup(\"br0\");\nfor port in [\"to-red\", \"to-blue\", \"to-green\"] {\n    set_master(port, \"br0\");\n    up(port);\n}\n",
    ),
    // The bridge asks nobody, or the firewall is told of its ports.
    ("bridged-firewall", "sysctl -w net.bridge.bridge-nf-call-iptables=0\n"),
    ("bridged-firewall", "iptables -I FORWARD -i v-net-0 -o v-net-0 -j ACCEPT\n"),
    (
        "router",
        "ip -n a route add default via 192.168.1.6\nip -n c route add default via 192.168.2.6\nip netns exec b sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'\n",
    ),
    (
        "way-back",
        "ip -n c route del 192.168.1.0/25\nip -n c route del 192.168.1.128/25\nip -n c route add 192.168.1.0/24 via 192.168.2.6 metric 50\n",
    ),
    (
        "table",
        "ip -n router route add 0.0.0.0/1 via 10.0.3.2\nip -n router route add 128.0.0.0/1 via 10.0.3.2\nip -n router route add blackhole 10.20.200.0/24\nip -n router route add 10.20.64.0/19 via 10.0.2.2\nip -n router route add 10.20.96.0/19 via 10.0.2.2 metric 7\nip -n router route add 10.20.0.0/18 via 10.0.1.2\nip -n router route add 10.20.128.0/17 via 10.0.1.2\n",
    ),
    (
        "providers",
        "ip -n router rule add pref 100 lookup main suppress_prefixlength 0\nip -n router route add default via 198.51.100.1 table 7\nip -n router rule add pref 200 iif lan2 lookup 7\n",
    ),
    (
        "internet",
        "for room in red blue; do ip -n $room route add default via 192.168.15.1; done\nsysctl -w net.ipv4.ip_forward=1\niptables -t nat -A POSTROUTING -o wan -j SNAT --to-source 203.0.113.2\n",
    ),
    (
        "web-only",
        "ip netns exec router nft -f - <<END\ntable ip filter {\n  chain forward {\n    type filter hook forward priority 0; policy drop;\n    ct state established accept\n    ip daddr 10.2.0.2 tcp dport 80 accept\n  }\n}\nEND\n",
    ),
    (
        "publish",
        "nft add table ip nat\nnft 'add chain ip nat in { type nat hook prerouting priority dstnat; }'\nnft add rule ip nat in iifname wan tcp dport 8080 dnat to 172.17.0.2:80\n",
    ),
    ("name", "printf 'search mycompany.com\\nnameserver 192.168.15.3\\n' > /etc/resolv.conf\n"),
    (
        "container",
        "ip link add br0 type bridge\nip link set br0 up\nip addr add 172.18.0.1/24 dev br0\nip link add v0 type veth peer name v1\nip link set v1 netns box\nip link set v0 master br0 up\nip netns exec box ip addr add 172.18.0.2/24 dev v1\nip netns exec box ip link set v1 up\nip netns exec box ip route add default via 172.18.0.1\necho 1 > /proc/sys/net/ipv4/ip_forward\nnft -f - <<END\ntable ip nat {\n  chain in { type nat hook prerouting priority dstnat; ip daddr 203.0.113.2 tcp dport 8080 dnat to 172.18.0.2:80; }\n  chain out { type nat hook postrouting priority srcnat; oifname wan snat to 203.0.113.2; }\n}\nEND\n",
    ),
    (
        "container",
        "bridge(\"br\");\naddr_add(\"br\", \"172.18.0.1/24\");\nup(\"br\");\nveth(box, \"eth0\", host(), \"to-box\");\nset_master(\"to-box\", \"br\");\nup(\"to-box\");\nbox.addr_add(\"eth0\", \"172.18.0.2/24\");\nbox.up(\"eth0\");\nbox.route_add(\"default\", \"172.18.0.1\");\nsysctl(\"net.ipv4.ip_forward\", 1);\nmasquerade(\"172.18.0.0/24\");\ndnat(\"tcp\", 8080, \"172.18.0.2:80\");\n",
    ),
    ("switch-on", "for room in [red, blue] {\n    room.up(\"lo\");\n    room.up(`veth-${room}`);\n}\n"),
    // The mask makes a route, which can also be made by hand.
    (
        "mask",
        "ip -n red route add 192.168.15.0/24 dev veth-red\nip -n blue route add 192.168.15.0/25 dev veth-blue\nip -n blue route add 192.168.15.128/25 dev veth-blue\n",
    ),
    (
        "subnet",
        "blue.addr_del(\"veth-blue\", \"10.112.7.2/24\");\nblue.addr_add(\"veth-blue\", \"10.12.7.2/24\");\n",
    ),
    (
        "bridge",
        "ip link add sw0 address 02:00:00:00:00:99 type bridge stp_state 0 ageing_time 3000\nfor port in blue green red; do ip link set dev to-$port up master sw0; done\nip link set sw0 up\niptables -P FORWARD ACCEPT\n",
    ),
    ("bridged-firewall", "nft insert rule ip filter FORWARD iifname v-net-0 oifname v-net-0 accept\n"),
    (
        "router",
        "ip -n a route add 192.168.2.0/25 via 192.168.1.6 metric 5\nip -n a route add 192.168.2.128/25 via 192.168.1.6\nip -n c route add default via 192.168.2.6 src 192.168.2.205\nip netns exec b sysctl -w net.ipv4.conf.all.forwarding=1\n",
    ),
    // A firewall that lets pass what a router passes on.
    (
        "router",
        "ip -n a route add 192.168.2.0/24 via 192.168.1.6\nip -n c route add 192.168.1.0/24 via 192.168.2.6\nip netns exec b sysctl -w net.ipv4.ip_forward=1\nip netns exec b iptables -P FORWARD DROP\nip netns exec b iptables -A FORWARD -i west -o east -j ACCEPT\nip netns exec b iptables -A FORWARD -i east -o west -j ACCEPT\n",
    ),
    // A rule comes before the wrong table.
    (
        "way-back",
        "ip -n c route add 192.168.1.0/24 via 192.168.2.6 table 100\nip -n c rule add pref 100 to 192.168.1.0/24 lookup 100\n",
    ),
    (
        "table",
        "ip -n router route add default via 10.0.3.2\nip -n router rule add pref 100 to 10.20.200.0/24 blackhole\nip -n router rule add pref 101 to 10.20.64.0/18 lookup 101\nip -n router route add default via 10.0.2.2 table 101\nip -n router route add 10.20.0.0/16 via 10.0.1.2\n",
    ),
    (
        "providers",
        "ip -n router route add default via 198.51.100.1 table 100\nip -n router route add 10.1.1.0/24 dev lan1 table 100\nip -n router rule add fwmark 2 lookup 100\nip netns exec router iptables -t mangle -A PREROUTING -i lan2 -j MARK --set-mark 2\n",
    ),
    // Red's network goes by a table of its own, and all others by the new one.
    (
        "providers",
        "ip -n router rule add pref 10 to 10.1.0.0/16 lookup main\nip -n router rule add pref 20 from 10.1.1.0/24 lookup 7\nip -n router route add default via 203.0.113.1 table 7\nip -n router route replace default via 198.51.100.1\n",
    ),
    (
        "internet",
        "ip -n red route add default via 192.168.15.1\nip -n blue route add 0.0.0.0/1 via 192.168.15.1\nip -n blue route add 128.0.0.0/1 via 192.168.15.1\nsysctl -w net.ipv4.ip_forward=1\niptables -P FORWARD DROP\niptables -A FORWARD -i v-net-0 -j ACCEPT\niptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\nnft add table ip mine\nnft 'add chain ip mine out { type nat hook postrouting priority srcnat; }'\nnft add rule ip mine out ip saddr 192.168.15.0/24 oifname wan masquerade\n",
    ),
    // What is not allowed is refused aloud, and the policy stays.
    (
        "web-only",
        "r='ip netns exec router iptables'\n$r -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n$r -A FORWARD -i inside -o dmz -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT\n$r -A FORWARD -j REJECT\n",
    ),
    // Without a memory: an answer is a segment that does not begin anything.
    (
        "web-only",
        "r='ip netns exec router iptables'\n$r -P FORWARD DROP\n$r -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT\n$r -A FORWARD -i dmz -p tcp -s 10.2.0.2 --sport 80 ! --syn -j ACCEPT\n",
    ),
    ("publish", "dnat(\"tcp\", 8080, \"172.17.0.2:80\");\n"),
    (
        "publish",
        "iptables -t nat -N DOCKER\niptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\niptables -t nat -A DOCKER ! -i docker0 -p tcp -d 203.0.113.2 --dport 8080 -j DNAT --to-destination 172.17.0.2:80\niptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\niptables -P FORWARD DROP\niptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\niptables -A FORWARD -d 172.17.0.2 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT\niptables -A FORWARD -i docker0 -j ACCEPT\n",
    ),
    (
        "name",
        "mkdir -p /etc/netns/red\nprintf 'domain mycompany.com\\noptions timeout:1\\nnameserver 192.168.15.3\\n' > /etc/netns/red/resolv.conf\nip netns exec red ping -c1 192.168.15.3 > /dev/null\n",
    ),
];

fn exercises() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/exercises");
    let files = fs::read_dir(folder).expect("the exercises").flatten().map(|file| file.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "rhai")).collect();
    files.sort();
    files
}

fn lack() -> Option<String> {
    sandbox_lack().map(String::from).or(lacking(&["bash", "ip", "iptables", "nft"]))
}

/// What `nslab grade` prints, and whether it is content.
fn grade(arguments: &[&str], folder: &Path) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command.arg("grade").args(arguments).current_dir(folder);
    forget_others(&mut command);
    let output = output(command);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (said.concat(), output.status.success())
}

/// The first line of the grade of a solution of an exercise.
fn points(name: &str, solution: &str) -> (String, String) {
    let scratch = Scratch::new();
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("labs/exercises/{name}.rhai"));
    let is_ours = solution.lines().any(|line| line.trim_end().ends_with(");"));
    let file = if is_ours { "ann.rhai" } else { "ann.sh" };
    scratch.write(file, solution);
    let (said, _) = grade(&[&lab.display().to_string(), file, "--seed", ""], scratch.path());
    let first = said.lines().next().unwrap_or_default().to_string();
    (first, said)
}

#[test]
fn each_is_sound_and_sees_what_is_wrong() {
    if let Some(lack) = lack() {
        return skip(lack);
    }
    let exercises = exercises();
    assert!(exercises.len() >= 12);
    side_by_side(2, &exercises, |exercise| is_sound(exercise));
}

fn is_sound(exercise: &Path) {
    let (said, sound) = grade(&["--self-test", &exercise.display().to_string()], Path::new("/"));
    assert!(sound, "{said}");
    // Who does nothing gets nothing.
    assert!(said.contains("\n✓ a solution that does nothing has 0 of "), "{said}");
    // What one would try in place of the task has what it deserves.
    let tried = said.lines().any(|line| line.contains(" counter-examples has the points that it deserves"));
    assert!(tried, "{said}");
}

#[test]
fn who_does_the_job_in_another_way_gets_the_points() {
    if let Some(lack) = lack() {
        return skip(lack);
    }
    side_by_side(4, &OTHER_WAYS, |(name, solution)| {
        let (first, said) = points(name, solution);
        let of: Vec<&str> = first.split(' ').collect();
        let has_all = matches!(of[..], ["ann:", has, "of", all, "points"] if has == all);
        assert!(has_all, "{name}\n{solution}\n{said}");
    });
    for exercise in exercises() {
        let name = exercise.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(OTHER_WAYS.iter().any(|(other, _)| *other == name), "{name} has another way, too");
    }
}
