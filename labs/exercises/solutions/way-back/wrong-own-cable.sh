# deserves: 0 of 7
# A cable of their own.
ip link add x netns a type veth peer name x netns c
ip -n a link set x up
ip -n c link set x up
ip -n a route add {east}.5 dev x
ip -n c route add {west}.5 dev x
