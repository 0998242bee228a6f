# deserves: 5 of 8
# Red's network is missing in the table of its own.
ip -n router route add default via 198.51.100.1 table 100
ip -n router rule add from 10.1.2.0/24 lookup 100
