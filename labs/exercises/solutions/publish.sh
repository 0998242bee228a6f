iptables -t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
