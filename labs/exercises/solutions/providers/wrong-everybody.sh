# deserves: 6 of 8
# All go by isp-2.
ip -n router route replace default via 198.51.100.1
