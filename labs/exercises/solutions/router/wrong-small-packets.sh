# deserves: 4 of 7
# Large packets do not get through.
ip -n a route add default via {west}.6
ip -n c route add default via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
ip netns exec b iptables -A FORWARD -m length --length 1000:65535 -j DROP
