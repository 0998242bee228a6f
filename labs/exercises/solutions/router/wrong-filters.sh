# deserves: 0 of 7
# B routes nothing: filters pass on what is for the other.
ip netns exec b tc qdisc add dev west clsact
ip netns exec b tc qdisc add dev east clsact
for pair in "west east {east}.205" "east west {west}.205"; do
    set -- $pair
    ip netns exec b tc filter add dev $1 ingress protocol ip u32 match ip dst $3/32 action mirred egress redirect dev $2
    ip netns exec b tc filter add dev $1 ingress protocol arp u32 match u32 0 0 action mirred egress mirror dev $2
done
ip -n a route add {east}.0/24 dev eth0
ip -n c route add {west}.0/24 dev eth0
