# For the host's address outside alone.
iptables -t nat -A PREROUTING -d 203.0.113.2 -p tcp -m tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -A FORWARD -d 172.17.0.2 -p tcp --dport 80 -j ACCEPT
iptables -A FORWARD -s 172.17.0.2 -m conntrack --ctstate ESTABLISHED -j ACCEPT
