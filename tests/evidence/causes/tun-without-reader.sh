# The tap device below the two macvlans has no carrier, because no program has it open.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip tuntap add tap0 mode tap
ip link set tap0 up
ip link add mv0 link tap0 netns a type macvlan mode bridge
ip link add mv0 link tap0 netns b type macvlan mode bridge
ip -n a addr add 10.0.0.1/24 dev mv0
ip -n b addr add 10.0.0.2/24 dev mv0
ip -n a link set mv0 up
ip -n b link set mv0 up
