# deserves: 0 of 7
# No bridge: filters copy each frame to the two other ports.
for port in red blue green; do
    ip link set to-$port up
    tc qdisc add dev to-$port clsact
    for other in red blue green; do
        [ $port = $other ] || tc filter add dev to-$port ingress protocol all u32 match u32 0 0 action mirred egress mirror dev to-$other
    done
done
