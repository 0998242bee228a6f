# The macvlan of b takes frames only from a list of senders, and a is not in the list.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name base
ip link set base up
ip link add mv0 link base netns b type macvlan mode source
ip -n b link set mv0 type macvlan macaddr add 02:00:00:00:00:99
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev mv0
ip -n a link set eth0 up
ip -n b link set mv0 up
