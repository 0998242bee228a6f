# deserves: 0 of 7
# No bridge: the host routes, answers for all, and says nothing itself.
sysctl -w net.ipv4.ip_forward=1
n=0
for room in red blue green; do
    n=$((n + 1))
    ip link set to-$room up
    ip route add {lan}.$n dev to-$room
    sysctl -w net.ipv4.conf.to-$room.proxy_arp=1
    sysctl -w net.ipv4.neigh.to-$room.proxy_delay=0
done
ip rule add pref 1 iif lo prohibit
