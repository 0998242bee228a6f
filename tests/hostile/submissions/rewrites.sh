# Sends what is for the target to itself.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n red link set lo up
ip -n red link set veth-red up
ip -n blue link set veth-blue up
ip -n red neigh add 192.168.15.2 lladdr 02:00:00:00:00:02 dev veth-red
ip netns exec red iptables -t nat -A OUTPUT -d 192.168.15.2 -j DNAT --to-destination 192.168.15.1
ip netns exec red nft list ruleset
