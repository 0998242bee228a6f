# The cable of b ends in c, and a, which is meant to have that end, has only lo.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip netns add c
ip link add eth0 netns c type veth peer name eth0 netns b
ip -n c addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n c link set eth0 up
ip -n b link set eth0 up
