# In nft's words.
for room in red blue; do ip -n $room route add default via {lan}.1; done
sysctl -qw net.ipv4.ip_forward=1
nft add table ip nat
nft 'add chain ip nat postrouting { type nat hook postrouting priority srcnat; }'
nft add rule ip nat postrouting ip saddr {lan}.0/24 oifname wan masquerade
