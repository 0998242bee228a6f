# deserves: 0 of 6
# The page is for one address.
iptables -t nat -A PREROUTING -s 203.0.113.9 -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
