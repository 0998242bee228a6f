# The ping is bound to eth1, and b is behind eth0.
# why a 10.0.0.2 --interface eth1
ip netns add a
ip netns add b
ip netns add c
ip link add eth0 netns a type veth peer name eth0 netns b
ip link add eth1 netns a type veth peer name eth0 netns c
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n a addr add 10.0.1.1/24 dev eth1
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n c addr add 10.0.1.2/24 dev eth0
ip -n a link set eth0 up
ip -n a link set eth1 up
ip -n b link set eth0 up
ip -n c link set eth0 up
