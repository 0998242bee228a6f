# deserves: 5 of 7
# A firewall lets the two speak, and nobody else.
ip link add e0 netns red type veth peer name e1 netns blue
n=0
for end in "red e0 2" "blue e1 1"; do
    set -- $end
    n=$((n + 1))
    ip -n $1 link set $2 up
    ip -n $1 addr add {lan}.$n/24 dev $2
    ip netns exec $1 iptables -A OUTPUT ! -d {lan}.$3 -j DROP
done
