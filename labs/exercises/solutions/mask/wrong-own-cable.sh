# deserves: 0 of 7
# A cable of its own with the right mask.
ip link add e0 netns red type veth peer name e1 netns blue
ip -n red link set e0 up
ip -n blue link set e1 up
ip -n red addr add {lan}.1/24 dev e0
ip -n blue addr add {lan}.2/24 dev e1
