# All of a room in one go.
ip -n red -batch - <<END
link set lo up
link set veth-red up
END
ip netns exec blue sh -c 'for link in lo veth-blue; do ip link set $link up; done'
