# deserves: 1 of 5
# Two names of the host.
ip link set lo up
for name in red blue; do
    touch /run/netns/$name
    mount --bind /proc/self/ns/net /run/netns/$name
done
ip netns delete green
