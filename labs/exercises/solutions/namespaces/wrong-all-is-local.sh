# deserves: 4 of 5
# Red takes the whole world for itself.
ip netns add red
ip netns add blue
ip -n red link set lo up
ip -n blue link set lo up
ip netns delete green
ip -n red route add local 0.0.0.0/0 dev lo
