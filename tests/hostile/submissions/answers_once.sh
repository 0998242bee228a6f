# The first echo passes, and no other.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
ip netns exec blue iptables -A INPUT -p icmp -m limit --limit 1/hour --limit-burst 1 -j ACCEPT
ip netns exec blue iptables -A INPUT -p icmp -j DROP
