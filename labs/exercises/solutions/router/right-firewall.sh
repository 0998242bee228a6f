# A firewall that lets pass what a router passes on.
ip -n a route add {east}.0/24 via {west}.6
ip -n c route add {west}.0/24 via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
ip netns exec b iptables -P FORWARD DROP
ip netns exec b iptables -A FORWARD -i west -o east -j ACCEPT
ip netns exec b iptables -A FORWARD -i east -o west -j ACCEPT
