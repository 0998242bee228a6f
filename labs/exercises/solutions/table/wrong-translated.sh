# deserves: 1 of 8
# All go up, and the firewall sends them elsewhere.
ip -n router route add default via 10.0.3.2
ip netns exec router iptables -t nat -A OUTPUT -d 10.{net}.64.0/18 -j DNAT --to-destination 10.0.2.2
