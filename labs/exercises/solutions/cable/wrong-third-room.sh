# deserves: 0 of 7
# A room of its own stands between them.
ip netns add closet
ip -n closet link add name switch type bridge
ip -n closet link set switch up
n=0
for room in red blue; do
    n=$((n + 1))
    ip link add to-$room netns closet type veth peer name eth0 netns $room
    ip -n closet link set to-$room master switch
    ip -n closet link set to-$room up
    ip -n $room link set eth0 up
    ip -n $room addr add {lan}.$n/24 dev eth0
done
