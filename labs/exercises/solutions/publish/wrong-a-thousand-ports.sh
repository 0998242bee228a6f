# deserves: 5 of 6
# A thousand other ports lead there.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -t nat -A PREROUTING -i wan -p tcp --dport 20000:20999 -j DNAT --to-destination 172.17.0.2:80
