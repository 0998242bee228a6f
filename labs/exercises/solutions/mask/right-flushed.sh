# All at once.
ip -n red addr flush dev veth-red scope global
ip -n blue addr flush dev veth-blue scope global
ip netns exec red ip addr add {lan}.1/24 dev veth-red
ip netns exec blue ip addr add {lan}.2/24 dev veth-blue
