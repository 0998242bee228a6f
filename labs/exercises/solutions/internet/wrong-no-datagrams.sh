# deserves: 0 of 8
# What is no connection does not get out.
sysctl -w net.ipv4.ip_forward=1
for room in red blue; do ip -n $room route add default via {lan}.1; done
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
iptables -A FORWARD -p udp -j DROP
