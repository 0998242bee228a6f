# deserves: 2 of 7
# What is named is closed, and the rest is open.
ip netns exec router iptables -A FORWARD -p tcp --dport {port} -j DROP
ip netns exec router iptables -A FORWARD -p icmp -j DROP
ip netns exec router iptables -A FORWARD -i dmz -p tcp --dport 80 -j DROP
