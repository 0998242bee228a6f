# The two halves away, and the whole in their place.
ip -n c route del {west}.0/25
ip -n c route del {west}.128/25
ip -n c route add {west}.0/24 via {east}.6 dev eth0
