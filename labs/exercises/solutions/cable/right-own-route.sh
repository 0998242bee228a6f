# The route by hand.
ip link add to-blue type veth peer name to-red
ip link set to-blue netns red
ip link set to-red netns blue
for end in "red to-blue 1" "blue to-red 2"; do
    set -- $end
    ip -n $1 link set $2 up
    ip -n $1 addr add {lan}.$3/32 dev $2
    ip -n $1 route add {lan}.0/24 dev $2 src {lan}.$3
done
