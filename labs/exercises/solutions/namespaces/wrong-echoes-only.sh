# deserves: 4 of 5
# Red hears echoes, and nothing else.
for room in red blue; do
    ip netns add $room
    ip -n $room link set lo up
done
ip netns delete green
ip netns exec red iptables -A INPUT ! -p icmp -j DROP
