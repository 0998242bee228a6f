# More rows than it takes.
ip -n router route add 0.0.0.0/1 via 10.0.3.2
ip -n router route add 128.0.0.0/1 via 10.0.3.2
ip -n router route add blackhole 10.{net}.200.0/24
ip -n router route add 10.{net}.64.0/19 via 10.0.2.2
ip -n router route add 10.{net}.96.0/19 via 10.0.2.2 metric 7
ip -n router route add 10.{net}.0.0/18 via 10.0.1.2
ip -n router route add 10.{net}.128.0/17 via 10.0.1.2
