# deserves: 0 of 7
# Nothing passes.
ip netns exec router iptables -P FORWARD DROP
