# deserves: 0 of 7
# Each has the address of the other on its own lo.
ip -n a addr add {east}.205/32 dev lo
ip -n c addr add {west}.205/32 dev lo
ip -n a link set lo up
ip -n c link set lo up
