# deserves: 0 of 13
# Outside is told the way to the box, in place of the NAT.
ip link add name docker0 type bridge
ip addr add {lan}.1/24 dev docker0
ip link set docker0 up
ip link add veth-box type veth peer name eth0 netns box
ip link set veth-box master docker0
ip link set veth-box up
ip -n box addr add {lan}.2/24 dev eth0
ip -n box link set eth0 up
ip -n box route add default via {lan}.1
sysctl -w net.ipv4.ip_forward=1
ip -n outside route add {lan}.0/24 via 203.0.113.2
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
