# A switch is a cable, too, as long as the host has no address on it.
ip link add br0 type bridge
ip link set br0 up
for room in red blue; do
    ip link add eth0 netns $room type veth peer name to-$room
    ip link set to-$room master br0 up
    ip -n $room link set eth0 up
done
ip -n red addr add {lan}.1/24 dev eth0
ip -n blue addr add {lan}.2/24 dev eth0
