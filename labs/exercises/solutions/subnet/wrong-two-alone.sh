# deserves: 5 of 6
# Blue knows red, and nobody else.
ip -n blue addr flush dev veth-blue
ip -n blue addr add 10.{net}.7.2 peer 10.{net}.7.1 dev veth-blue
