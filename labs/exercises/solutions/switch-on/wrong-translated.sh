# deserves: 4 of 6
# The other one answers for oneself.
for room in red blue; do ip -n $room link set veth-$room up; done
ip netns exec red iptables -t nat -A OUTPUT -d {lan}.1 -j DNAT --to-destination {lan}.2
ip netns exec blue iptables -t nat -A OUTPUT -d {lan}.2 -j DNAT --to-destination {lan}.1
