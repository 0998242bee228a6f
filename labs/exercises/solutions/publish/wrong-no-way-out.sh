# deserves: 5 of 6
# The web server gets nowhere by itself.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -A FORWARD -i docker0 -m conntrack --ctstate NEW -j DROP
