# The address of a has a lifetime of one second, and nobody renews it.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n a addr add 10.0.0.1/24 dev eth0 valid_lft 1 preferred_lft 1
timeout 3 sh -c 'while ip -n a -4 addr show dev eth0 | grep -q inet; do sleep 0.1; done'
