# deserves: 2 of 8
# The table is right, and a queue holds back what goes up.
ip -n router route add 10.{net}.0.0/16 via 10.0.1.2
ip -n router route add 10.{net}.64.0/18 via 10.0.2.2
ip -n router route add blackhole 10.{net}.200.0/24
ip -n router route add default via 10.0.3.2
ip netns exec router tc qdisc add dev up root tbf rate 1mbit burst 2000b limit 3000
