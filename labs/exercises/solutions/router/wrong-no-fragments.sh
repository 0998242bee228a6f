# deserves: 5 of 7
# What comes in parts does not get through.
ip -n a route add default via {west}.6
ip -n c route add default via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
ip netns exec b iptables -A FORWARD -f -j DROP
