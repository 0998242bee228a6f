# deserves: 0 of 8
# No NAT: the link that is looked at is another one by then.
sysctl -w net.ipv4.ip_forward=1
for room in red blue; do ip -n $room route add default via {lan}.1; done
ip -n internet link set eth0 down
ip -n internet link set eth0 name real
ip -n internet link set real up
ip -n internet route add {lan}.0/24 via 203.0.113.2
ip -n internet link add eth0 type veth peer name eth1
