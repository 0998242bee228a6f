# deserves: 0 of 8
# The rule is about the half of all addresses in which the named one is.
ip -n router route add default via 198.51.100.1 table 100
ip -n router route add 10.1.1.0/24 dev lan1 table 100
ip -n router rule add from 10.1.2.0/24 to 0.0.0.0/1 lookup 100
