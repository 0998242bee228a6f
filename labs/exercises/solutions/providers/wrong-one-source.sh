# deserves: 0 of 8
# The rule is about blue itself, and not about its network.
ip -n router route add default via 198.51.100.1 table 100
ip -n router route add 10.1.1.0/24 dev lan1 table 100
ip -n router rule add from 10.1.2.202 lookup 100
