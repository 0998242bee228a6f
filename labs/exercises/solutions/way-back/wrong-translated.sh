# deserves: 4 of 7
# B hides a from c.
ip netns exec b iptables -t nat -A POSTROUTING -o east -j MASQUERADE
ip -n c route replace {west}.5/32 via {east}.6
