# deserves: 4 of 7
# Everything may pass a host whose links do not forward any more.
iptables -P FORWARD ACCEPT
sysctl -w net.ipv4.conf.wan.forwarding=0
sysctl -w net.ipv4.conf.v-net-0.forwarding=0
