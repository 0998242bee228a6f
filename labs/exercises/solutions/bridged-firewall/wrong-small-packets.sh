# deserves: 0 of 7
# They talk in small packets alone.
iptables -A FORWARD -s {site}.15.0/24 -d {site}.15.0/24 -m length --length 0:400 -j ACCEPT
