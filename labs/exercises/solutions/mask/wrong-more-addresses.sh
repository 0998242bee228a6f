# deserves: 6 of 7
# Addresses of another kind beside them.
ip -n red addr add {lan}.1/24 dev veth-red
ip -n blue addr add {lan}.2/24 dev veth-blue
ip -n red addr add {lan}.77/24 dev veth-red
