# A tc filter of b redirects all ICMP packets that come in on eth0 to lo.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
tc -n b qdisc add dev eth0 clsact
tc -n b filter add dev eth0 ingress protocol ip u32 match ip protocol 1 0xff action mirred egress redirect dev lo
