# Without keeping track: an answer comes from port 80, and begins nothing.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -s 10.1.0.0/24 -d 10.2.0.2 -p tcp --dport 80 -j ACCEPT
ip netns exec router iptables -A FORWARD -s 10.2.0.2 -d 10.1.0.0/24 -p tcp --sport 80 ! --syn -j ACCEPT
