# deserves: 0 of 8
# No NAT: the internet is told the way back.
sysctl -w net.ipv4.ip_forward=1
for room in red blue; do ip -n $room route add default via {lan}.1; done
ip -n internet route add {lan}.0/24 via 203.0.113.2
