# deserves: 0 of 7
# The router is off.
ip netns exec router sysctl -w net.ipv4.ip_forward=0
