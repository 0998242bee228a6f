# deserves: 0 of 6
# A cable of its own, and the given one stays off.
ip link add e0 netns red type veth peer name e1 netns blue
for end in "red e0 1" "blue e1 2"; do
    set -- $end
    ip -n $1 link set lo up
    ip -n $1 link set $2 up
    ip -n $1 addr flush dev veth-$1
    ip -n $1 addr add {lan}.$3/24 dev $2
done
