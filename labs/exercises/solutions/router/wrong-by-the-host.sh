# deserves: 0 of 7
# The host stands between them in place of b.
sysctl -w net.ipv4.ip_forward=1
for end in "a {east} {west} 1" "c {west} {east} 2"; do
    set -- $end
    ip link add to-$1 type veth peer name up0 netns $1
    ip link set to-$1 up
    ip -n $1 link set up0 up
    ip addr add 10.250.$4.1/30 dev to-$1
    ip -n $1 addr add 10.250.$4.2/30 dev up0
    ip -n $1 route add $2.0/24 via 10.250.$4.1 src $3.205
    ip route add $3.205 via 10.250.$4.2
done
