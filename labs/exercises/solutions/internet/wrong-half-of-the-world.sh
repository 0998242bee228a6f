# deserves: 0 of 8
# A way to the half of all addresses in which the named one is.
sysctl -w net.ipv4.ip_forward=1
for room in red blue; do ip -n $room route add 0.0.0.0/1 via {lan}.1; done
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
