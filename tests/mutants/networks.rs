//! Networks that work: the shapes of the curriculum, as one would type them,
//! and three large ones.

use std::sync::LazyLock;

/// A network, with what is asked in it.
pub struct Sound {
    pub name: &'static str,
    /// The lines of the lab.
    pub text: &'static str,
    pub questions: Vec<Question>,
    /// Whether it is a large one, with much beside the question: there a cure is
    /// judged by what all others reach, before and after.
    pub is_world: bool,
}

/// The source and the target of a probe.
pub struct Question {
    pub from: &'static str,
    pub to: &'static str,
    /// The port that is asked for; an echo request otherwise.
    pub tcp: Option<u16>,
}

impl Sound {
    fn small(
        name: &'static str,
        text: &'static str,
        from: &'static str,
        to: &'static str,
        tcp: Option<u16>,
    ) -> Self {
        Self { name, text, questions: vec![Question { from, to, tcp }], is_world: false }
    }

    /// A network whose file begins with its questions: `# ask FROM TO [PORT]`.
    fn world(name: &'static str, text: &'static str) -> Self {
        let asked = text.lines().filter_map(|line| line.strip_prefix("# ask "));
        let questions = asked.map(|asked| {
            let mut words = asked.split(' ');
            let mut word = || words.next().expect("a source and a target");
            let (from, to) = (word(), word());
            Question { from, to, tcp: words.next().map(|port| port.parse().expect("a port")) }
        });
        Self { name, text, questions: questions.collect(), is_world: true }
    }

    /// The commands of the lab.
    pub fn lines(&self) -> Vec<&'static str> {
        self.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }
}

pub static NETWORKS: LazyLock<Vec<Sound>> = LazyLock::new(|| {
    vec![
        Sound::small("cable", CABLE, "red", "192.168.15.2", None),
        Sound::small("cable of IPv6", CABLE6, "red", "fd00:15::2", None),
        Sound::small("bridge of three", BRIDGE, "red", "192.168.15.2", None),
        Sound::small("bridge in a box", BOX, "red", "10.1.0.2", None),
        Sound::small("router", ROUTER, "red", "10.0.2.2", None),
        Sound::small("router of IPv6", ROUTER6, "red", "fd00:2::2", None),
        Sound::small("two routers", ROUTERS, "red", "10.0.2.2", None),
        Sound::small("uplink with masquerade", UPLINK, "red", "203.0.113.9", None),
        Sound::small("host as gateway", GATEWAY, "red", "172.16.0.2", None),
        Sound::small("vxlan", VXLAN, "red", "10.9.0.2", None),
        Sound::small("gre", GRE, "west", "10.8.0.2", None),
        Sound::small("vlan", VLAN, "red", "10.5.0.2", None),
        Sound::small("macvlan", MACVLAN, "red", "10.6.0.2", None),
        Sound::small("policy routing", POLICY, "red", "10.0.2.2", None),
        Sound::small("web server", SERVER, "red", "10.0.0.2", Some(80)),
        Sound::world("world of Docker", include_str!("worlds/docker.sh")),
        Sound::world("world of two uplinks", include_str!("worlds/uplinks.sh")),
        Sound::world("world of a cluster", include_str!("worlds/node.sh")),
    ]
});

const CABLE: &str = "
ip netns add red
ip netns add blue
ip link add veth-red type veth peer name veth-blue
ip link set veth-red netns red
ip link set veth-blue netns blue
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
";

const CABLE6: &str = "
ip netns add red
ip netns add blue
ip link add veth-red netns red type veth peer name veth-blue netns blue
ip -n red addr add fd00:15::1/64 dev veth-red nodad
ip -n blue addr add fd00:15::2/64 dev veth-blue nodad
ip -n red link set veth-red up
ip -n blue link set veth-blue up
";

const BRIDGE: &str = "
ip netns add red
ip netns add blue
ip netns add green
ip link add v-net-0 type bridge
ip link set v-net-0 up
ip link add veth-red type veth peer name veth-red-br
ip link add veth-blue type veth peer name veth-blue-br
ip link add veth-green type veth peer name veth-green-br
ip link set veth-red netns red
ip link set veth-blue netns blue
ip link set veth-green netns green
ip link set veth-red-br master v-net-0
ip link set veth-blue-br master v-net-0
ip link set veth-green-br master v-net-0
ip link set veth-red-br up
ip link set veth-blue-br up
ip link set veth-green-br up
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n green addr add 192.168.15.3/24 dev veth-green
ip -n red link set veth-red up
ip -n blue link set veth-blue up
ip -n green link set veth-green up
";

const BOX: &str = "
ip netns add box
ip netns add red
ip netns add blue
ip -n box link add br0 type bridge
ip -n box link set br0 up
ip link add eth0 netns red type veth peer name red netns box
ip link add eth0 netns blue type veth peer name blue netns box
ip -n box link set red master br0
ip -n box link set blue master br0
ip -n box link set red up
ip -n box link set blue up
ip -n red addr add 10.1.0.1/16 dev eth0
ip -n blue addr add 10.1.0.2/16 dev eth0
ip -n red link set eth0 up
ip -n blue link set eth0 up
";

const ROUTER: &str = "
ip netns add red
ip netns add router
ip netns add blue
ip link add eth0 netns red type veth peer name to-red netns router
ip link add eth0 netns blue type veth peer name to-blue netns router
ip -n red addr add 10.0.1.2/24 dev eth0
ip -n router addr add 10.0.1.1/24 dev to-red
ip -n router addr add 10.0.2.1/24 dev to-blue
ip -n blue addr add 10.0.2.2/24 dev eth0
ip -n red link set eth0 up
ip -n router link set to-red up
ip -n router link set to-blue up
ip -n blue link set eth0 up
ip -n red route add 10.0.2.0/24 via 10.0.1.1
ip -n blue route add 10.0.1.0/24 via 10.0.2.1
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
";

const ROUTER6: &str = "
ip netns add red
ip netns add router
ip netns add blue
ip netns exec router sysctl -qw net.ipv6.conf.default.accept_dad=0
ip link add eth0 netns red type veth peer name to-red netns router
ip link add eth0 netns blue type veth peer name to-blue netns router
ip netns exec router sysctl -qw net.ipv6.conf.all.forwarding=1
ip -n red addr add fd00:1::2/64 dev eth0 nodad
ip -n router addr add fd00:1::1/64 dev to-red nodad
ip -n router addr add fd00:2::1/64 dev to-blue nodad
ip -n blue addr add fd00:2::2/64 dev eth0 nodad
ip -n red link set eth0 up
ip -n router link set to-red up
ip -n router link set to-blue up
ip -n blue link set eth0 up
ip -n red route add default via fd00:1::1
ip -n blue route add default via fd00:2::1
";

const ROUTERS: &str = "
ip netns add red
ip netns add r1
ip netns add r2
ip netns add blue
ip link add eth0 netns red type veth peer name lan netns r1
ip link add wan netns r1 type veth peer name wan netns r2
ip link add eth0 netns blue type veth peer name lan netns r2
ip -n red addr add 10.0.1.2/24 dev eth0
ip -n r1 addr add 10.0.1.1/24 dev lan
ip -n r1 addr add 10.0.12.1/30 dev wan
ip -n r2 addr add 10.0.12.2/30 dev wan
ip -n r2 addr add 10.0.2.1/24 dev lan
ip -n blue addr add 10.0.2.2/24 dev eth0
ip -n red link set eth0 up
ip -n r1 link set lan up
ip -n r1 link set wan up
ip -n r2 link set wan up
ip -n r2 link set lan up
ip -n blue link set eth0 up
ip -n red route add default via 10.0.1.1
ip -n r1 route add 10.0.2.0/24 via 10.0.12.2
ip -n r2 route add 10.0.1.0/24 via 10.0.12.1
ip -n blue route add default via 10.0.2.1
ip netns exec r1 sysctl -qw net.ipv4.ip_forward=1
ip netns exec r2 sysctl -qw net.ipv4.ip_forward=1
";

const UPLINK: &str = "
ip netns add red
ip netns add gw
ip netns add world
ip link add eth0 netns red type veth peer name lan netns gw
ip link add wan netns gw type veth peer name eth0 netns world
ip -n red addr add 192.168.15.5/24 dev eth0
ip -n gw addr add 192.168.15.1/24 dev lan
ip -n gw addr add 203.0.113.1/24 dev wan
ip -n world addr add 203.0.113.9/24 dev eth0
ip -n red link set eth0 up
ip -n gw link set lan up
ip -n gw link set wan up
ip -n world link set eth0 up
ip -n red route add default via 192.168.15.1
ip netns exec gw sysctl -qw net.ipv4.ip_forward=1
ip netns exec gw iptables -t nat -A POSTROUTING -s 192.168.15.0/24 -o wan -j MASQUERADE
";

const GATEWAY: &str = "
ip netns add red
ip netns add far
ip link add br0 type bridge
ip addr add 192.168.15.254/24 dev br0
ip link set br0 up
ip link add veth-red type veth peer name veth-red-br
ip link set veth-red netns red
ip link set veth-red-br master br0
ip link set veth-red-br up
ip link add uplink type veth peer name eth0 netns far
ip addr add 172.16.0.1/24 dev uplink
ip link set uplink up
ip -n far addr add 172.16.0.2/24 dev eth0
ip -n far link set eth0 up
ip -n far route add 192.168.15.0/24 via 172.16.0.1
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n red link set veth-red up
ip -n red route add default via 192.168.15.254
sysctl -qw net.ipv4.ip_forward=1
";

const VXLAN: &str = "
ip netns add red
ip netns add blue
ip link add eth0 netns red type veth peer name eth0 netns blue
ip -n red addr add 172.16.1.1/24 dev eth0
ip -n blue addr add 172.16.1.2/24 dev eth0
ip -n red link set eth0 up
ip -n blue link set eth0 up
ip -n red link add vx0 type vxlan id 42 remote 172.16.1.2 dstport 4789 dev eth0
ip -n blue link add vx0 type vxlan id 42 remote 172.16.1.1 dstport 4789 dev eth0
ip -n red addr add 10.9.0.1/24 dev vx0
ip -n blue addr add 10.9.0.2/24 dev vx0
ip -n red link set vx0 up
ip -n blue link set vx0 up
";

const GRE: &str = "
ip netns add west
ip netns add east
ip link add eth0 netns west type veth peer name eth0 netns east
ip -n west addr add 172.16.1.1/24 dev eth0
ip -n east addr add 172.16.1.2/24 dev eth0
ip -n west link set eth0 up
ip -n east link set eth0 up
ip -n west link add gre1 type gre local 172.16.1.1 remote 172.16.1.2
ip -n east link add gre1 type gre local 172.16.1.2 remote 172.16.1.1
ip -n west addr add 10.8.0.1/24 dev gre1
ip -n east addr add 10.8.0.2/24 dev gre1
ip -n west link set gre1 up
ip -n east link set gre1 up
";

const VLAN: &str = "
ip netns add red
ip netns add blue
ip link add eth0 netns red type veth peer name eth0 netns blue
ip -n red link set eth0 up
ip -n blue link set eth0 up
ip -n red link add link eth0 name eth0.5 type vlan id 5
ip -n blue link add link eth0 name eth0.5 type vlan id 5
ip -n red addr add 10.5.0.1/24 dev eth0.5
ip -n blue addr add 10.5.0.2/24 dev eth0.5
ip -n red link set eth0.5 up
ip -n blue link set eth0.5 up
";

const MACVLAN: &str = "
ip netns add red
ip netns add blue
ip link add base type veth peer name plug
ip link set base up
ip link set plug up
ip link add mv1 link base netns red type macvlan mode bridge
ip link add mv2 link base netns blue type macvlan mode bridge
ip -n red addr add 10.6.0.1/24 dev mv1
ip -n blue addr add 10.6.0.2/24 dev mv2
ip -n red link set mv1 up
ip -n blue link set mv2 up
";

const POLICY: &str = "
ip netns add red
ip netns add router
ip netns add blue
ip link add eth0 netns red type veth peer name to-red netns router
ip link add eth0 netns blue type veth peer name to-blue netns router
ip -n red addr add 10.0.1.2/24 dev eth0
ip -n router addr add 10.0.1.1/24 dev to-red
ip -n router addr add 10.0.2.1/24 dev to-blue
ip -n blue addr add 10.0.2.2/24 dev eth0
ip -n red link set eth0 up
ip -n router link set to-red up
ip -n router link set to-blue up
ip -n blue link set eth0 up
ip -n red route add default via 10.0.1.1 table 100
ip -n red rule add to 10.0.2.0/24 lookup 100
ip -n blue route add default via 10.0.2.1
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
";

const SERVER: &str = "
ip netns add red
ip netns add blue
ip link add eth0 netns red type veth peer name eth0 netns blue
ip -n red addr add 10.0.0.1/24 dev eth0
ip -n blue addr add 10.0.0.2/24 dev eth0
ip -n red link set eth0 up
ip -n blue link set eth0 up
ip -n blue link set lo up
ip netns exec blue python3 -m http.server 80 > /dev/null 2>&1 &
timeout 3 bash -c 'until ip netns exec blue ss -Hltn | grep -q LISTEN; do sleep 0.05; done'
";
