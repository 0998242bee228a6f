# deserves: 4 of 7
# An exception for what is no connection, wherever it goes.
iptables -A FORWARD -s {site}.15.0/24 -d {site}.15.0/24 -j ACCEPT
iptables -A FORWARD -p udp -j ACCEPT
