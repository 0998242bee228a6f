# deserves: 0 of 7
# An exception for pings and connections alone.
for proto in icmp tcp; do
    iptables -A FORWARD -p $proto -s {site}.15.0/24 -d {site}.15.0/24 -j ACCEPT
done
