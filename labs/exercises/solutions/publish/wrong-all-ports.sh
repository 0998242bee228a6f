# deserves: 4 of 6
# Every port leads to the page.
iptables -t nat -A PREROUTING -p tcp -j DNAT --to-destination 172.17.0.2:80
