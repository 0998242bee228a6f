# deserves: 5 of 7
# A default route beside the wrong one.
ip -n c route del {west}.0/25
ip -n c route add default via {east}.6
