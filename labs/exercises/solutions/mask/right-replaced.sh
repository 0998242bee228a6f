# The old address away, and the mask in other words.
ip -n red addr del {lan}.1/32 dev veth-red
ip -n red addr add {lan}.1/24 dev veth-red
ip -n blue addr flush dev veth-blue
ip -n blue addr add {lan}.2/255.255.255.0 dev veth-blue
