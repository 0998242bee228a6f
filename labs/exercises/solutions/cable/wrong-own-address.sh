# deserves: 0 of 7
# Each has the address of the other on its own lo.
ip -n red addr add {lan}.2/32 dev lo
ip -n red link set lo up
ip -n blue addr add {lan}.1/32 dev lo
ip -n blue link set lo up
