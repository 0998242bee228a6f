# The macvlans of a and b have different parents, and nothing connects the two parents.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add base1 type veth peer name plug1
ip link add base2 type veth peer name plug2
ip link set base1 up
ip link set plug1 up
ip link set base2 up
ip link set plug2 up
ip link add mv0 link base1 netns a type macvlan mode bridge
ip link add mv0 link base2 netns b type macvlan mode bridge
ip -n a addr add 10.0.0.1/24 dev mv0
ip -n b addr add 10.0.0.2/24 dev mv0
ip -n a link set mv0 up
ip -n b link set mv0 up
