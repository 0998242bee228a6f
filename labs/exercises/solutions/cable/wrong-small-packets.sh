# deserves: 2 of 7
# Only small packets pass.
ip link add veth-red type veth peer name veth-blue
ip link set veth-red netns red
ip link set veth-blue netns blue
ip -n red addr add {lan}.1/24 dev veth-red
ip -n blue addr add {lan}.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
for room in red blue; do ip -n $room link set veth-$room mtu 200; done
