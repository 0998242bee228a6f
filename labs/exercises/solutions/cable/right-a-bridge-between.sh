# A bridge between two cables is one, too.
ip link add br0 type bridge
ip link set br0 up
n=0
for room in red blue; do
  n=$((n + 1))
  ip link add to-$room type veth peer name eth0 netns $room
  ip link set to-$room master br0 up
  ip -n $room addr add {lan}.$n/24 dev eth0
  ip -n $room link set eth0 up
done
