# deserves: 0 of 6
# The host publishes nothing: outside rewrites what it sends itself.
ip -n outside route add 172.17.0.0/16 via 203.0.113.2
ip netns exec outside iptables -t nat -A OUTPUT -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
