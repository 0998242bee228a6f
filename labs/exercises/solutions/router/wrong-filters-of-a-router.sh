# deserves: 0 of 7
# B routes nothing: filters pass on, and take one from the time to live.
ip netns exec b sysctl -w net.ipv4.ip_forward=1
for pair in "west east {east} {west}" "east west {west} {east}"; do
    set -- $pair
    ip netns exec b tc qdisc add dev $1 clsact
    ip netns exec b tc filter add dev $1 ingress pref 1 protocol ip u32 match ip dst $3.6/32 action ok
    ip netns exec b tc filter add dev $1 ingress pref 2 protocol ip u32 match ip dst $3.0/24 action mirred egress redirect dev $2
    ip netns exec b tc filter add dev $1 ingress pref 3 protocol arp u32 match u32 0 0 action mirred egress mirror dev $2
done
for end in "a {east} {west}" "c {west} {east}"; do
    set -- $end
    ip -n $1 route add $2.0/24 dev eth0
    ip -n $1 route add $2.6/32 via $3.6
    ip netns exec $1 nft add table ip t
    ip netns exec $1 nft 'add chain ip t in { type filter hook prerouting priority 0; }'
    ip netns exec $1 nft add rule ip t in ip ttl 64 ip ttl set 63
done
