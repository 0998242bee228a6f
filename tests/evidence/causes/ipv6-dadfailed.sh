# The address of a stays unusable, because b had it by mistake when a got it.
# why a fd00::2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a link set eth0 addrgenmode none
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n b addr add fd00::1/64 dev eth0 nodad
ip -n a addr add fd00::1/64 dev eth0
timeout 3 sh -c 'until ip -n a -6 addr show dev eth0 | grep -q dadfailed; do sleep 0.1; done'
ip -n b addr del fd00::1/64 dev eth0
ip -n b addr add fd00::2/64 dev eth0 nodad
