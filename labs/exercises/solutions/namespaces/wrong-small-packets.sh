# deserves: 3 of 5
# Only small packets are heard.
ip netns add red
ip netns add blue
ip -n red link set lo up
ip -n blue link set lo up
ip netns delete green
for room in red blue; do ip -n $room link set lo mtu 200; done
