# Its ends are born where they belong.
ip -n blue link add east type veth peer name west netns red
ip -n red link set west up
ip -n blue link set east up
ip -n red addr add {lan}.1/24 dev west
ip -n blue addr add {lan}.2/24 dev east
