# deserves: 0 of 7
# Every other connection passes, whoever it is.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -p tcp -m conntrack --ctstate NEW -m statistic --mode nth --every 2 --packet 0 -j ACCEPT
