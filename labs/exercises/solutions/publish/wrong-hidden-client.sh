# deserves: 5 of 6
# The web server sees the host.
iptables -t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -t nat -A POSTROUTING -o docker0 -j MASQUERADE
