# deserves: 0 of 8
# A way to the one address that is named.
sysctl -w net.ipv4.ip_forward=1
for room in red blue; do ip -n $room route add 8.8.8.8 via {lan}.1; done
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
