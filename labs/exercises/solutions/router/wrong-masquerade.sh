# deserves: 5 of 7
# C has no way back, and sees the router.
ip -n a route add default via {west}.6
ip netns exec b iptables -t nat -A POSTROUTING -o east -j MASQUERADE
ip netns exec b iptables -t nat -A POSTROUTING -o west -j MASQUERADE
ip -n c route add default via {east}.6
ip netns exec b sysctl -w net.ipv4.ip_forward=1
