# The address fe80::2 is valid on one link only, and the ping does not say by which link it goes.
# why a fe80::2
ip netns add a
ip netns add b
ip netns add c
ip link add eth0 netns a type veth peer name eth0 netns c
ip link add eth1 netns a type veth peer name eth0 netns b
ip -n a link set eth0 up
ip -n a link set eth1 up
ip -n b link set eth0 up
ip -n c link set eth0 up
ip -n b addr add fe80::2/64 dev eth0 nodad
ip -n c addr add fe80::3/64 dev eth0 nodad
