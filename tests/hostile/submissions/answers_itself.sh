# Has the target's address itself.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n red link set veth-red up
ip -n red link set lo up
ip -n red addr add 192.168.15.2/32 dev lo
