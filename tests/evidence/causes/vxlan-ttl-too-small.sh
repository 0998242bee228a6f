# The VXLAN of a sends its packets with a TTL of 1, and a router is between a and b.
# why a 10.0.0.2
ip netns add a
ip netns add router
ip netns add b
ip link add eth0 netns a type veth peer name to-a netns router
ip link add eth0 netns b type veth peer name to-b netns router
ip -n a addr add 192.0.2.1/25 dev eth0
ip -n router addr add 192.0.2.2/25 dev to-a
ip -n router addr add 192.0.2.129/25 dev to-b
ip -n b addr add 192.0.2.130/25 dev eth0
ip -n a link set eth0 up
ip -n router link set to-a up
ip -n router link set to-b up
ip -n b link set eth0 up
ip -n a route add default via 192.0.2.2
ip -n b route add default via 192.0.2.129
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
ip -n a link add vx0 type vxlan id 42 local 192.0.2.1 remote 192.0.2.130 dstport 4789 ttl 1
ip -n b link add vx0 type vxlan id 42 local 192.0.2.130 remote 192.0.2.1 dstport 4789 ttl 64
ip -n a addr add 10.0.0.1/24 dev vx0
ip -n b addr add 10.0.0.2/24 dev vx0
ip -n a link set vx0 up
ip -n b link set vx0 up
