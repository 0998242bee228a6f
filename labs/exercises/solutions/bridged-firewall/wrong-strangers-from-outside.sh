# deserves: 5 of 7
# The one who is outside today is kept out, and nobody else.
iptables -A FORWARD -s {site}.15.0/24 -d {site}.15.0/24 -j ACCEPT
iptables -A FORWARD -i wan ! -s {site}.200.9 -j ACCEPT
