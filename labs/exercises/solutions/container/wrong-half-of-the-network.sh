# deserves: 12 of 13
# IPsec takes away half of the box's own network.
# The bridge, and the host on it.
ip link add name docker0 type bridge
ip addr add {lan}.1/24 dev docker0
ip link set docker0 up

# The cable of the box.
ip link add veth-box type veth peer name eth0 netns box
ip link set veth-box master docker0
ip link set veth-box up
ip -n box addr add {lan}.2/24 dev eth0
ip -n box link set eth0 up

# The way out.
ip -n box route add default via {lan}.1
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE

# The way in.
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
ip -n box xfrm policy add dir out src 0.0.0.0/0 dst {lan}.128/25 action block
