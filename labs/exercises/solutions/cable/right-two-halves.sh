# Two halves of a network are a whole.
ip link add e0 netns red type veth peer name e1 netns blue
ip -n red addr add {lan}.1/32 dev e0
ip -n blue addr add {lan}.2/32 dev e1
ip -n red link set e0 up
ip -n blue link set e1 up
ip -n red route add {lan}.0/25 dev e0
ip -n red route add {lan}.128/25 dev e0
ip -n blue route add {lan}.0/24 dev e1
