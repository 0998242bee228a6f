# Within the network.
iptables -I FORWARD -s {site}.15.0/24 -d {site}.15.0/24 -j ACCEPT
