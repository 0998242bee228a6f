# A static FDB entry of a sends frames for the VXLAN of b to 192.0.2.9, and b is at 192.0.2.2.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 192.0.2.1/24 dev eth0
ip -n b addr add 192.0.2.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n a link add vx0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0
ip -n b link add vx0 address 02:00:00:00:00:02 type vxlan id 42 remote 192.0.2.1 dstport 4789 dev eth0
ip -n a addr add 10.0.0.1/24 dev vx0
ip -n b addr add 10.0.0.2/24 dev vx0
ip -n a link set vx0 up
ip -n b link set vx0 up
bridge -n a fdb replace 02:00:00:00:00:02 dev vx0 dst 192.0.2.9
