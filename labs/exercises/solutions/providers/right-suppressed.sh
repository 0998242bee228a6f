# What is at home is asked for first, without its default route.
ip -n router rule add pref 100 lookup main suppress_prefixlength 0
ip -n router route add default via 198.51.100.1 table 7
ip -n router rule add pref 200 iif lan2 lookup 7
