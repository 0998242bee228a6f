# In any order.
ip netns del green
for room in blue red; do
    ip netns add $room
    ip netns exec $room ip link set dev lo up
done
