# deserves: 0 of 6
# A cable of its own.
ip link add e0 netns red type veth peer name e1 netns blue
ip -n red link set e0 up
ip -n blue link set e1 up
ip -n blue addr flush dev veth-blue
ip -n blue addr add 10.{net}.7.2/24 dev e1
ip -n red route add 10.{net}.7.2 dev e0
