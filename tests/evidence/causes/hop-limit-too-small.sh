# Packets of a start with a hop limit of 1, and the router discards them.
# why a fd00:2::2
ip netns add a
ip netns add router
ip netns add b
ip netns exec router sysctl -qw net.ipv6.conf.default.accept_dad=0
ip link add eth0 netns a type veth peer name to-a netns router
ip link add eth0 netns b type veth peer name to-b netns router
ip netns exec router sysctl -qw net.ipv6.conf.all.forwarding=1
ip -n a addr add fd00:1::2/64 dev eth0 nodad
ip -n router addr add fd00:1::1/64 dev to-a nodad
ip -n router addr add fd00:2::1/64 dev to-b nodad
ip -n b addr add fd00:2::2/64 dev eth0 nodad
ip -n a link set eth0 up
ip -n router link set to-a up
ip -n router link set to-b up
ip -n b link set eth0 up
ip -n a route add default via fd00:1::1
ip -n b route add default via fd00:2::1
ip netns exec a sysctl -qw net.ipv6.conf.eth0.hop_limit=1
