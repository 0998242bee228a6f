# deserves: 5 of 6
# All that is no connection is published.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -t nat -A PREROUTING -i wan -p udp -j DNAT --to-destination 172.17.0.2
