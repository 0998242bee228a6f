# deserves: 0 of 13
# The link to outside is a port of the bridge.
ip link add name docker0 type bridge
ip link set docker0 up
ip link set wan master docker0
ip addr add {lan}.1/24 dev docker0
ip addr del 203.0.113.2/24 dev wan
ip addr add 203.0.113.2/24 dev docker0
ip link add veth-box type veth peer name eth0 netns box
ip link set veth-box master docker0
ip link set veth-box up
ip -n box addr add {lan}.2/24 dev eth0
ip -n box addr add 203.0.113.3/24 dev eth0
ip -n box link set eth0 up
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
iptables -t nat -A POSTROUTING -s {lan}.0/24 -j MASQUERADE
