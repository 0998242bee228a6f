# deserves: 0 of 6
# The name server is changed, and knows the short name.
mkdir -p /etc/netns/red
echo "nameserver {lan}.3" > /etc/netns/red/resolv.conf
ip netns exec dns iptables -t nat -A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 5353
echo "{lan}.2 web" >> /etc/hosts
