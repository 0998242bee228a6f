# deserves: 5 of 6
# Every port leads to the page, but for the one beside it.
next=$(({port} + 1))
iptables -t nat -A PREROUTING -i wan -p tcp ! --dport $next -j DNAT --to-destination 172.17.0.2:80
