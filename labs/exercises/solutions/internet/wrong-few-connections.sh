# deserves: 0 of 8
# More than ten connections at once are too many.
ip -n red route add default via {lan}.1
ip -n blue route add default via {lan}.1
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
iptables -A FORWARD -o wan -p tcp --syn -m connlimit --connlimit-above 10 --connlimit-mask 0 -j DROP
