# Whatever is not here is behind the router.
ip -n a route add default via {west}.6
ip -n c route add default via {east}.6 dev eth0
ip netns exec b sysctl -qw net.ipv4.conf.all.forwarding=1
