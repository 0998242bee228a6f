# A table of its own for what is not as it comes.
ip -n router route add blackhole 10.{net}.200.0/24 table 7
ip -n router route add 10.{net}.64.0/18 via 10.0.2.2 table 7
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2 dev left table 7
ip -n router rule add to 10.{net}.0.0/16 lookup 7 pref 100
ip -n router route add default via 10.0.3.2 metric 50
