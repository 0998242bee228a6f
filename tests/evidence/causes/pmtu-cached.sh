# The route of a remembers an MTU of 1280, which the router has told, and the link behind the router is wide again.
# why a 10.0.2.2 --size 1400 --df
ip netns add a
ip netns add router
ip netns add b
ip link add eth0 netns a type veth peer name to-a netns router
ip link add eth0 netns b type veth peer name to-b netns router
ip -n a addr add 10.0.1.2/24 dev eth0
ip -n router addr add 10.0.1.1/24 dev to-a
ip -n router addr add 10.0.2.1/24 dev to-b
ip -n b addr add 10.0.2.2/24 dev eth0
ip -n a link set eth0 up
ip -n router link set to-a up
ip -n router link set to-b mtu 1280 up
ip -n b link set eth0 up
ip -n a route add default via 10.0.1.1
ip -n b route add default via 10.0.2.1
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
ip netns exec a ping -c2 -i0.2 -W1 -M do -s 1400 10.0.2.2 > /dev/null 2>&1 || true
ip -n router link set to-b mtu 1500
