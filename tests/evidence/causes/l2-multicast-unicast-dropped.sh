# By the mask of a, 10.0.0.3 is a broadcast address, and b drops packets for its own address in broadcast frames.
# why a 10.0.0.3 --broadcast
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 10.0.0.1/30 dev eth0
ip -n b addr add 10.0.0.3/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip netns exec b sysctl -qw net.ipv4.conf.eth0.drop_unicast_in_l2_multicast=1
