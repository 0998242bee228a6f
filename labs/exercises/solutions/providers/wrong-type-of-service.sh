# deserves: 0 of 8
# What wants to be quick goes by the first provider.
ip -n router route add default via 198.51.100.1 table 100
ip -n router route add 10.1.1.0/24 dev lan1 table 100
ip -n router rule add pref 50 from 10.1.2.0/24 lookup 100
ip -n router rule add pref 10 from 10.1.2.0/24 tos 0x10 lookup main
