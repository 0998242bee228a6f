# What stays at home is asked for first.
ip -n router rule add to 10.1.0.0/16 lookup main pref 10
ip -n router rule add from 10.1.2.0/24 lookup 2 pref 20
ip -n router route add default via 198.51.100.1 table 2
