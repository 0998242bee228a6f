# deserves: 5 of 7
# Each knows the other, and nobody else.
ip link add e0 netns red type veth peer name e1 netns blue
ip -n red link set e0 up
ip -n blue link set e1 up
ip -n red addr add {lan}.1 peer {lan}.2 dev e0
ip -n blue addr add {lan}.2 peer {lan}.1 dev e1
