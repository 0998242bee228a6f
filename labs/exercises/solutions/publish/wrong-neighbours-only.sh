# deserves: 0 of 6
# It is published to the neighbours alone.
iptables -t nat -A PREROUTING -s 203.0.113.0/24 -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
