# By a mark of the firewall.
ip -n router route add default via 198.51.100.1 table 100
ip -n router route add 10.1.1.0/24 dev lan1 table 100
ip -n router rule add fwmark 2 lookup 100
ip netns exec router iptables -t mangle -A PREROUTING -i lan2 -j MARK --set-mark 2
