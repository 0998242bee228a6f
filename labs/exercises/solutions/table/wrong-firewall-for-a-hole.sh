# deserves: 3 of 8
# A firewall drops what is to be thrown away.
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2
ip -n router route add 10.{net}.64.0/18 via 10.0.2.2
ip -n router route add default via 10.0.3.2
ip netns exec router iptables -A OUTPUT -d 10.{net}.200.0/24 -j DROP
