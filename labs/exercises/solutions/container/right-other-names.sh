# Other names, and SNAT.
ip link add br0 type bridge forward_delay 0
ip link add port0 type veth peer name net0
ip link set net0 netns box
ip link set port0 master br0
for link in br0 port0; do ip link set $link up; done
ip addr add {lan}.1/24 dev br0
ip -n box link set net0 up
ip -n box addr add {lan}.2/24 dev net0
ip -n box route add default via {lan}.1
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o wan -s {lan}.0/24 -j SNAT --to-source 203.0.113.2
iptables -t nat -A PREROUTING -d 203.0.113.2 -p tcp --dport {port} -j DNAT --to-destination {lan}.2:80
