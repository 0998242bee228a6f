# deserves: 4 of 7
# The port that is named is closed, and others are open.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -i inside -p tcp ! --dport {port} -j ACCEPT
ip netns exec router iptables -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
