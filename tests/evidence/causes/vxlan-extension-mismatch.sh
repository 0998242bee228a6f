# The VXLAN of a carries the mark of each packet (gbp), and the VXLAN of b discards what has this extension.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 192.0.2.1/24 dev eth0
ip -n b addr add 192.0.2.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n a link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0 gbp
ip -n b link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0
ip -n a addr add 10.0.0.1/24 dev vx0
ip -n b addr add 10.0.0.2/24 dev vx0
ip -n a link set vx0 up
ip -n b link set vx0 up
ip netns exec a nft 'table netdev t { chain c { type filter hook egress device vx0 priority 0; meta mark set 7; }; }'
