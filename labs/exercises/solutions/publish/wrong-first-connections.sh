# deserves: 0 of 6
# Every port leads to the page, but for the tenth connection.
iptables -t nat -A PREROUTING -i wan -p tcp -m limit --limit 1/hour --limit-burst 9 -j DNAT --to-destination 172.17.0.2:80
