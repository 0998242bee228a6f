# The rate limit of b holds echo replies back: icmp_ratemask includes them, and icmp_ratelimit allows one each 1000 seconds.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip netns exec b sysctl -qw net.ipv4.icmp_ratemask=6169
ip netns exec b sysctl -qw net.ipv4.icmp_ratelimit=1000000
