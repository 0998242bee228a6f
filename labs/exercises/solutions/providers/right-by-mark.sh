# By a mark of the firewall.
ip netns exec router iptables -t mangle -A PREROUTING -i lan2 ! -d 10.1.0.0/16 -j MARK --set-mark 2
ip -n router rule add fwmark 2 lookup 102
ip -n router route add default via 198.51.100.1 table 102
