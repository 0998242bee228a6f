# deserves: 4 of 7
# The bridge learns nothing: it is told of the cards that are there today.
ip link add name switch type bridge
ip link set switch up
for room in red blue green; do
    ip link set to-$room master switch
    ip link set to-$room up
    bridge link set dev to-$room flood off learning off
    bridge fdb add $(ip netns exec $room cat /sys/class/net/eth0/address) dev to-$room master static
done
