# deserves: 6 of 7
# A part of each network gets nothing.
ip -n a route add {east}.0/24 via {west}.6
ip -n c route add {west}.0/24 via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
for net in {west} {east}; do ip -n b route add blackhole $net.208/28; done
