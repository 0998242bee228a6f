# deserves: 2 of 7
# Two cables end in the host, which routes and answers for all.
sysctl -w net.ipv4.ip_forward=1
n=0
for room in red blue; do
    n=$((n + 1))
    ip link add to-$room type veth peer name eth0 netns $room
    ip link set to-$room up
    ip -n $room link set eth0 up
    ip -n $room addr add {lan}.$n/24 dev eth0
    ip route add {lan}.$n dev to-$room
    sysctl -w net.ipv4.conf.to-$room.proxy_arp=1
    sysctl -w net.ipv4.neigh.to-$room.proxy_delay=0
done
ip rule add pref 1 iif lo prohibit
