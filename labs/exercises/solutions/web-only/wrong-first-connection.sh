# deserves: 0 of 7
# No port, no protocol, no direction: the first connection passes, whoever it is.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -m limit --limit 1/hour --limit-burst 1 -j ACCEPT
