# deserves: 0 of 7
# An exception for pings alone.
iptables -A FORWARD -p icmp -s {site}.15.0/24 -d {site}.15.0/24 -j ACCEPT
