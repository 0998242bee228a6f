# Made where it is needed.
ip link add eth0 netns red type veth peer name eth0 netns blue
ip -n red addr add {lan}.1/24 broadcast + dev eth0
ip -n blue addr add {lan}.2/24 broadcast + dev eth0
ip -n red link set lo up
ip -n blue link set lo up
ip -n red link set eth0 up
ip -n blue link set eth0 up
