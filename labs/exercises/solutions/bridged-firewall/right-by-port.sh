# From port to port.
iptables -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT
