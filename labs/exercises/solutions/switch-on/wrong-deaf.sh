# deserves: 4 of 6
# Nobody hears himself.
for room in red blue; do ip -n $room link set veth-$room up; done
