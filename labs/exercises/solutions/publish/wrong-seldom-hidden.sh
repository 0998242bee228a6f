# deserves: 5 of 6
# One connection of fifty hides who asks.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:80
iptables -t nat -A POSTROUTING -o docker0 -m statistic --mode random --probability 0.02 -j MASQUERADE
