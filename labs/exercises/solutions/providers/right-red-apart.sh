# Red's network goes by a table of its own, and all others by the new one.
ip -n router rule add pref 10 to 10.1.0.0/16 lookup main
ip -n router rule add pref 20 from 10.1.1.0/24 lookup 7
ip -n router route add default via 203.0.113.1 table 7
ip -n router route replace default via 198.51.100.1
