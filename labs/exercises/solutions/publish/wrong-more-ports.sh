# deserves: 4 of 6
# All ports from there on lead to the page.
iptables -t nat -A PREROUTING -p tcp --dport {port}:65535 -j DNAT --to-destination 172.17.0.2:80
