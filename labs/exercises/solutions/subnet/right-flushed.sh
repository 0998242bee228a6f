# Off with all, and on with the right one.
ip -n blue addr flush dev veth-blue
ip -n blue addr add 10.{net}.7.2/24 dev veth-blue
