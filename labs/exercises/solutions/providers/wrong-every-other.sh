# deserves: 0 of 8
# Every other packet goes by isp-2.
ip -n router route add default via 198.51.100.1 table 100
ip -n router route add 10.1.1.0/24 dev lan1 table 100
ip netns exec router iptables -t mangle -A PREROUTING -i lan2 -m statistic --mode nth --every 2 --packet 0 -j MARK --set-mark 1
ip -n router rule add fwmark 1 lookup 100
