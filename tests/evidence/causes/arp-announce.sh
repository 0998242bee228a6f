# With arp_announce, a asks for b from 192.0.2.1, which b takes for its own and ignores; the packet comes from 10.0.0.1.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 192.0.2.1/24 dev eth0
ip -n a addr add 10.0.0.1/32 dev lo
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set lo up
ip -n a link set eth0 up
ip -n b link set lo up
ip -n b link set eth0 up
ip -n a route add 10.0.0.2 dev eth0 src 10.0.0.1
ip -n b route add local 192.0.2.0/24 dev lo
ip netns exec a sysctl -qw net.ipv4.conf.eth0.arp_announce=2
