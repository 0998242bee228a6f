# deserves: 3 of 8
# The table is right, and the router takes a network for itself.
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2
ip -n router route add 10.{net}.64.0/18 via 10.0.2.2
ip -n router route add blackhole 10.{net}.200.0/24
ip -n router route add default via 10.0.3.2
ip -n router route add local 10.{net}.9.0/24 dev lo table local
