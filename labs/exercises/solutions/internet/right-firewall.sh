# A firewall that says what passes, and nft beside it.
ip -n red route add default via {lan}.1
ip -n blue route add 0.0.0.0/1 via {lan}.1
ip -n blue route add 128.0.0.0/1 via {lan}.1
sysctl -w net.ipv4.ip_forward=1
iptables -P FORWARD DROP
iptables -A FORWARD -i v-net-0 -j ACCEPT
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
nft add table ip mine
nft 'add chain ip mine out { type nat hook postrouting priority srcnat; }'
nft add rule ip mine out ip saddr {lan}.0/24 oifname wan masquerade
