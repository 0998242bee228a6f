# deserves: 0 of 8
# The link to the internet is a port of the bridge.
ip link set wan master v-net-0
ip addr del 203.0.113.2/24 dev wan
ip addr add 203.0.113.2/24 dev v-net-0
n=2
for room in red blue; do
    n=$((n + 1))
    ip -n $room addr add 203.0.113.$n/24 dev eth0
    ip -n $room route add default via 203.0.113.1
done
