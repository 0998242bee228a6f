# Has the target pass on the answer of somebody behind it.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n red link set veth-red up
ip netns add mallory
ip -n blue link add to-mallory type veth peer name to-blue netns mallory
ip -n blue addr add 192.168.15.3/24 dev veth-blue
ip -n blue addr add 10.0.0.1/24 dev to-mallory
ip -n mallory addr add 10.0.0.2/24 dev to-blue
ip -n mallory addr add 192.168.15.2/32 dev to-blue
ip -n blue link set veth-blue up
ip -n blue link set to-mallory up
ip -n mallory link set to-blue up
ip -n mallory route add default via 10.0.0.1
ip -n blue route add 192.168.15.2 via 10.0.0.2
ip netns exec blue sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.veth-blue.proxy_arp=1
ip netns exec blue sysctl -qw net.ipv4.neigh.veth-blue.proxy_delay=0
