# deserves: 5 of 6
# The host hears nobody any more.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -P INPUT DROP
