# Two halves with metrics, and a source that is said.
ip -n a route add {east}.0/25 via {west}.6 metric 5
ip -n a route add {east}.128/25 via {west}.6
ip -n c route add default via {east}.6 src {east}.205
ip netns exec b sysctl -w net.ipv4.conf.all.forwarding=1
