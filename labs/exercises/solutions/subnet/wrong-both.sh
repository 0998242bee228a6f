# deserves: 5 of 6
# Blue has its address, and the wrong one as well.
ip -n blue addr add 10.{net}.7.2/24 dev veth-blue
