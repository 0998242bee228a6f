# deserves: 4 of 7
# Everything may pass, and the link to outside is off.
iptables -P FORWARD ACCEPT
ip link set wan down
