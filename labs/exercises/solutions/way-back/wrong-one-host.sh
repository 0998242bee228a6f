# deserves: 5 of 7
# A way to a alone.
ip -n c route add {west}.5 via {east}.6
