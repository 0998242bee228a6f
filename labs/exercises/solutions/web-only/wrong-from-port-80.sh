# deserves: 5 of 7
# Whatever comes from port 80 passes for an answer.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
ip netns exec router iptables -A FORWARD -i dmz -p tcp --sport 80 -j ACCEPT
