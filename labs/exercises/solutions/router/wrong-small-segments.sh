# deserves: 4 of 7
# Connections come about, and carry no page.
ip -n a route add {east}.0/24 via {west}.6
ip -n c route add {west}.0/24 via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
ip netns exec b iptables -A FORWARD -p tcp -m length --length 1000:65535 -j DROP
