# deserves: 3 of 8
# The table is right, and a rule is about one network.
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2
ip -n router route add 10.{net}.64.0/18 via 10.0.2.2
ip -n router route add blackhole 10.{net}.200.0/24
ip -n router route add default via 10.0.3.2
ip -n router rule add pref 100 to 10.{net}.9.0/24 lookup 100
ip -n router route add default via 10.0.3.2 table 100
