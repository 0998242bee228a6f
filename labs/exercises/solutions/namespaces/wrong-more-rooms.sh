# deserves: 0 of 5
# A room that nobody has asked for.
for room in red blue purple; do
    ip netns add $room
    ip -n $room link set lo up
done
ip netns delete green
