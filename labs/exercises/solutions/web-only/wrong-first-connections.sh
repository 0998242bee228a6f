# deserves: 0 of 7
# The first connections pass, whoever they are.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -m limit --limit 1/hour --limit-burst 9 -j ACCEPT
