# By the network that is to be hidden, and a firewall that says what passes.
for room in red blue; do ip -n $room route add default via {lan}.1 dev eth0; done
sysctl -qw net.ipv4.ip_forward=1
iptables -P FORWARD DROP
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A FORWARD -s {lan}.0/24 -o wan -j ACCEPT
iptables -A FORWARD -i v-net-0 -o v-net-0 -j ACCEPT
iptables -t nat -A POSTROUTING -s {lan}.0/24 ! -d {lan}.0/24 -j MASQUERADE
