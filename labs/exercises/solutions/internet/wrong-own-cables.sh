# deserves: 0 of 8
# Neither forwarding nor NAT: cables of their own, beside the link that is looked at.
n=0
for room in red blue; do
    n=$((n + 1))
    ip link add isp netns $room type veth peer name p$n netns internet
    ip -n $room addr add 100.64.$n.2/30 dev isp
    ip -n $room link set isp up
    ip -n internet addr add 100.64.$n.1/30 dev p$n
    ip -n internet link set p$n up
    ip -n $room route add default via 100.64.$n.1
done
