# The router answers ARP questions for 10.0.0.2, which b has on the wire of a, and forwards the packets to c.
# why a 10.0.0.2
ip netns add a
ip netns add router
ip netns add b
ip netns add c
ip link add br0 type bridge
ip link set br0 up
ip link add eth0 netns a type veth peer name to-a
ip link add eth0 netns b type veth peer name to-b
ip link add eth0 netns router type veth peer name to-router
ip link add eth1 netns router type veth peer name eth0 netns c
ip link set to-a master br0 up
ip link set to-b master br0 up
ip link set to-router master br0 up
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n router addr add 10.0.0.254/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n router link set eth0 up
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
ip -n router link set eth1 up
ip -n c link set eth0 up
ip -n router route add 10.0.0.2 dev eth1
ip -n router neigh add proxy 10.0.0.2 dev eth0
ip netns exec router sysctl -qw net.ipv4.neigh.eth0.proxy_delay=0
