# Other names, and nft's words.
ip link add br0 type bridge
ip link set br0 up
ip addr add {lan}.1/24 dev br0
ip link add v0 type veth peer name v1
ip link set v1 netns box
ip link set v0 master br0 up
ip netns exec box ip addr add {lan}.2/24 dev v1
ip netns exec box ip link set v1 up
ip netns exec box ip route add default via {lan}.1
echo 1 > /proc/sys/net/ipv4/ip_forward
nft -f - <<END
table ip nat {
  chain in { type nat hook prerouting priority dstnat; ip daddr 203.0.113.2 tcp dport {port} dnat to {lan}.2:80; }
  chain out { type nat hook postrouting priority srcnat; oifname wan snat to 203.0.113.2; }
}
END
