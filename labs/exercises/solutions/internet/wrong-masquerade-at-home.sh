# deserves: 7 of 8
# What red and blue say to each other is masqueraded, too.
sysctl -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
for room in red blue; do ip -n $room route add default via {lan}.1; done
iptables -t nat -A POSTROUTING -s {lan}.0/24 -j MASQUERADE
