# deserves: 0 of 7
# B is a bridge.
ip -n b link add name br0 type bridge
ip -n b link set br0 up
ip -n b link set west master br0
ip -n b link set east master br0
ip -n a route add {east}.0/24 dev eth0
ip -n c route add {west}.0/24 dev eth0
