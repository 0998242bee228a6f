# With chains of its own, as container engines have it.
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

# Out and in.
ip -n box route add default via {lan}.1 dev eth0
sysctl -qw net.ipv4.ip_forward=1
iptables -P FORWARD DROP
iptables -A FORWARD -o docker0 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A FORWARD -i docker0 -j ACCEPT
iptables -A FORWARD -o docker0 -d {lan}.2 -p tcp --dport 80 -j ACCEPT
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
iptables -t nat -A POSTROUTING -s {lan}.0/24 ! -o docker0 -j MASQUERADE
