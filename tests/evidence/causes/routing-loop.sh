# Two routers send packets for 10.0.2.9 to each other, and nobody has this address.
# why a 10.0.2.9
ip netns add a
ip netns add r1
ip netns add r2
ip link add eth0 netns a type veth peer name lan netns r1
ip link add wan netns r1 type veth peer name wan netns r2
ip -n a addr add 10.0.1.2/24 dev eth0
ip -n r1 addr add 10.0.1.1/24 dev lan
ip -n r1 addr add 10.0.12.1/30 dev wan
ip -n r2 addr add 10.0.12.2/30 dev wan
ip -n a link set eth0 up
ip -n r1 link set lan up
ip -n r1 link set wan up
ip -n r2 link set wan up
ip netns exec r1 sysctl -qw net.ipv4.ip_forward=1
ip netns exec r2 sysctl -qw net.ipv4.ip_forward=1
ip -n a route add default via 10.0.1.1
ip -n r1 route add 10.0.2.0/24 via 10.0.12.2
ip -n r2 route add default via 10.0.12.1
