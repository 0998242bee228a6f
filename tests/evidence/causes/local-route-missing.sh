# The local route of the address of b is deleted, and the kernel does not take the address as its own.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n b route del local 10.0.0.2 dev eth0 table local
