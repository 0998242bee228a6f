# Whatever is not here is behind the router.
ip -n a route add default via {west}.6
ip -n c route add default via {east}.6
ip netns exec b sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
