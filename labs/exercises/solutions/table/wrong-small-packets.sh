# deserves: 6 of 8
# Only small packets go up.
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2
ip -n router route add 10.{net}.64.0/18 via 10.0.2.2
ip -n router route add blackhole 10.{net}.200.0/24
ip -n router route add default via 10.0.3.2
ip -n router route replace default via 10.0.3.2 mtu lock 200
