# All the room that a CPU has for the kernel's ICMP: answers to those whom nobody
# finds wait in it.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set lo up
ip -n red link set veth-red up
ip -n blue link set veth-blue up
ip netns exec red ping -c 1 192.168.15.2
ip netns exec red sysctl -qw net.ipv4.conf.all.arp_ignore=8
for last in $(seq 100 107); do
    ip -n red addr add 192.168.15.$last/32 dev lo
    ip netns exec red ping -qn -c 1000 -i 0.002 -s 1400 -W 1 -I 192.168.15.$last 192.168.15.2 &
done
wait
ip netns exec red sysctl -qw net.ipv4.conf.all.arp_ignore=0
