# deserves: 0 of 7
# A bridge, with cables of its own in place of the given ones.
ip link add name switch type bridge
ip link set switch up
n=0
for room in red blue green; do
    n=$((n + 1))
    ip link add c-$room type veth peer name mine netns $room
    ip link set c-$room master switch
    ip link set c-$room up
    ip -n $room link set mine up
    ip -n $room addr flush dev eth0
    ip -n $room addr add {lan}.$n/24 dev mine
done
