# deserves: 0 of 13
# The box has a cable of its own to outside.
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
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
ip link add mine netns box type veth peer name mine netns outside
ip -n box link set mine up
ip -n outside link set mine up
ip -n box addr add 203.0.113.77/32 dev mine
ip -n box route add 203.0.113.9 dev mine src 203.0.113.77
ip -n outside route add 203.0.113.77 dev mine
