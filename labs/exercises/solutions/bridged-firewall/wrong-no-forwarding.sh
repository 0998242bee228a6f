# deserves: 4 of 7
# Everything may pass a host that does not forward any more.
sysctl -w net.ipv4.ip_forward=0
iptables -P FORWARD ACCEPT
