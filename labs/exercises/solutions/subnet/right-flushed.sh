# Off and on again.
ip -n blue addr flush dev veth-blue scope global
ip -n blue addr add 10.{net}.7.2/24 dev veth-blue
