# deserves: 4 of 7
# A way to one host in the other network.
ip -n a route add {east}.205 via {west}.6
ip -n c route add {west}.205 via {east}.6
ip -n a route add {east}.6 via {west}.6
ip -n c route add {west}.6 via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
