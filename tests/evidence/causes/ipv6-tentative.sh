# The address of b is tentative: duplicate address detection is not over yet.
# why a fd00::2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip netns exec b sysctl -qw net.ipv6.conf.eth0.dad_transmits=5
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n a addr add fd00::1/64 dev eth0 nodad
ip -n b addr add fd00::2/64 dev eth0
