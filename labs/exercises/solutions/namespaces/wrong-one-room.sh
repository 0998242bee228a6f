# deserves: 1 of 5
# One room with two names.
ip netns add red
ip -n red link set lo up
touch /run/netns/blue
mount --bind /run/netns/red /run/netns/blue
ip netns delete green
