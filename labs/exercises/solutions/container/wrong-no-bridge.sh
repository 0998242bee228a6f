# deserves: 12 of 13
# A cable to the host, and a bridge that has nothing to do with it.
ip link add veth-box type veth peer name eth0 netns box
ip addr add {lan}.1/24 dev veth-box
ip link set veth-box up
ip -n box addr add {lan}.2/24 dev eth0
ip -n box link set eth0 up
ip -n box route add default via {lan}.1
sysctl -w net.ipv4.ip_forward=1
ip link add name docker0 type bridge
ip link add one type veth peer name two
for end in one two; do ip link set $end up; done
ip link set one master docker0
ip link set docker0 up
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
iptables -t nat -A PREROUTING -i wan -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
