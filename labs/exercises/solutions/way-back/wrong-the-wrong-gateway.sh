# deserves: 4 of 7
# B gets the address of the wrong gateway.
ip -n b addr add {east}.66/24 dev east
