# deserves: 0 of 6
# Every other connection is lost.
iptables -t nat -A PREROUTING -p tcp --dport {port} -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 172.17.0.2:80
