for room in red blue; do
    ip -n $room link set lo up
    ip -n $room link set veth-$room up
done
