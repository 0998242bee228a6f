# deserves: 4 of 6
# A half of the network is stopped where no firewall shows it.
for room in red blue; do
    ip -n $room link set lo up
    ip -n $room link set veth-$room up
    ip -n $room xfrm policy add dir out src 0.0.0.0/0 dst {lan}.128/25 action block
done
