# deserves: 0 of 8
# The two that are there are hidden, and whoever else comes is not.
for room in red blue; do ip -n $room route add default via {lan}.1; done
sysctl -w net.ipv4.ip_forward=1
for number in 2 250; do iptables -t nat -A POSTROUTING -o wan -s {lan}.$number -j MASQUERADE; done
