# deserves: 5 of 6
# Who pings the host reaches web.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -t nat -A PREROUTING -i wan -p icmp -j DNAT --to-destination 172.17.0.2
