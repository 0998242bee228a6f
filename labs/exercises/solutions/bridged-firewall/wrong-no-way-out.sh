# deserves: 4 of 7
# Everything may pass, and nobody has a way.
iptables -P FORWARD ACCEPT
ip rule add pref 1 to {site}.200.9 blackhole
