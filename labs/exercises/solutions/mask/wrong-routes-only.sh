# deserves: 5 of 7
# A route to the other, and to nobody else.
ip -n red route add {lan}.2 dev veth-red
ip -n blue route add {lan}.1 dev veth-blue
