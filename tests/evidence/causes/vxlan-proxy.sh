# The VXLAN of a is made with proxy: it answers ARP itself, and its neighbour table is empty.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 192.0.2.1/24 dev eth0
ip -n b addr add 192.0.2.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n a link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0 proxy
ip -n b link add vx0 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0
ip -n a addr add 10.0.0.1/24 dev vx0
ip -n b addr add 10.0.0.2/24 dev vx0
ip -n a link set vx0 up
ip -n b link set vx0 up
