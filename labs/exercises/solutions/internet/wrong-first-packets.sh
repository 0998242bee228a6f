# deserves: 0 of 8
# The first packets get out.
sysctl -w net.ipv4.ip_forward=1
for room in red blue; do ip -n $room route add default via {lan}.1; done
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
iptables -P FORWARD DROP
iptables -A FORWARD -m limit --limit 1/hour --limit-burst 5 -j ACCEPT
