# The host's address is known, and need not be looked up.
for room in red blue; do ip -n $room route add default via {lan}.1; done
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o wan -j SNAT --to-source 203.0.113.2
