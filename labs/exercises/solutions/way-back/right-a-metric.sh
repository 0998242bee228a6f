# The two halves away, and the whole with a metric.
ip -n c route del {west}.0/25
ip -n c route del {west}.128/25
ip -n c route add {west}.0/24 via {east}.6 metric 50
