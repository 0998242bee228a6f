# deserves: 0 of 7
# A few packets may pass, whoever sends them.
iptables -A FORWARD -m limit --limit 1/hour --limit-burst 5 -j ACCEPT
