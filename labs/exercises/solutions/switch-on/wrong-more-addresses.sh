# deserves: 4 of 6
# Other addresses beside them.
for room in red blue; do
    ip -n $room link set lo up
    ip -n $room link set veth-$room up
    ip -n $room addr add {lan}.${#room}7/24 dev veth-$room
done
