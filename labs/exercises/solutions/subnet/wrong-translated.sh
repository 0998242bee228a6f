# deserves: 2 of 6
# Blue keeps the wrong address, and translates.
ip -n red route add 10.{net}.7.2 dev veth-red
ip netns exec blue sysctl -w net.ipv4.conf.all.arp_ignore=0
ip -n blue route add 10.{net}.7.0/24 dev veth-blue
ip -n blue addr add 10.{net}.7.2/32 dev lo
ip -n blue link set lo up
