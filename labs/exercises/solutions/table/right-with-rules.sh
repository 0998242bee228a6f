# With rules, and tables of their own.
ip -n router route add default via 10.0.3.2
ip -n router rule add pref 100 to 10.{net}.200.0/24 blackhole
ip -n router rule add pref 101 to 10.{net}.64.0/18 lookup 101
ip -n router route add default via 10.0.2.2 table 101
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2
