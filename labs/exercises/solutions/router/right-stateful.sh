# A router that keeps track of what it forwards, and stops nothing.
ip -n a route add {east}.0/24 via {west}.6
ip -n c route add {west}.0/24 via {east}.6
ip netns exec b sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
ip netns exec b iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
ip netns exec b iptables -P FORWARD ACCEPT
