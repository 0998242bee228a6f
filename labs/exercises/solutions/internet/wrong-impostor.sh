# deserves: 0 of 8
# The host answers for the internet.
for room in red blue; do ip -n $room route add default via {lan}.1; done
ip addr add 8.8.8.8/32 dev lo
ip link set lo up
