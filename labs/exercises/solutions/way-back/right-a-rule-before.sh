# A rule comes before the wrong table.
ip -n c route add {west}.0/24 via {east}.6 table 100
ip -n c rule add pref 100 to {west}.0/24 lookup 100
