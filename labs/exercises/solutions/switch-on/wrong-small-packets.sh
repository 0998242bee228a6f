# deserves: 0 of 6
# Only small packets pass.
for room in red blue; do
    ip -n $room link set lo up
    ip -n $room link set veth-$room up
done
for room in red blue; do for link in lo veth-$room; do ip -n $room link set $link mtu 200; done; done
