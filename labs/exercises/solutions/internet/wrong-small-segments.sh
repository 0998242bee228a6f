# deserves: 0 of 8
# Connections come about, and carry no page.
for room in red blue; do ip -n $room route add default via {lan}.1; done
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
iptables -A FORWARD -p tcp -m length --length 1001:65535 -j DROP
