# deserves: 4 of 7
# Everything may pass but the pings of outside.
iptables -P FORWARD ACCEPT
iptables -A FORWARD -i wan -p icmp -j DROP
iptables -A FORWARD -o wan -p icmp -j DROP
