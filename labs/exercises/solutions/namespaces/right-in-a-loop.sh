# In a loop.
for room in blue red; do ip netns add $room; ip netns exec $room ip link set lo up; done
ip netns del green
