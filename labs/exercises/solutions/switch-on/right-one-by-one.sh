# Word by word.
ip netns exec red ip link set lo up
ip netns exec red ip link set veth-red up
ip netns exec blue ip link set veth-blue up
ip netns exec blue ip link set lo up
