# Puts somebody else at the other end, who has the target's address.
ip netns add mallory
ip -n red link del veth-red
ip -n red link add veth-red type veth peer name veth-m netns mallory
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n mallory addr add 192.168.15.2/24 dev veth-m
ip -n red link set veth-red up
ip -n mallory link set veth-m up
ip -n red neigh add 192.168.15.2 lladdr "$(ip netns exec mallory cat /sys/class/net/veth-m/address)" dev veth-red nud permanent
