ip -n c route replace {west}.0/25 via {east}.6
