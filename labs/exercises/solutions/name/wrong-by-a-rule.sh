# deserves: 5 of 6
# Another name server, and a rule that leads to the right one.
mkdir -p /etc/netns/red
cat > /etc/netns/red/resolv.conf <<END
nameserver {lan}.99
search {zone}
END
ip netns exec red iptables -t nat -A OUTPUT -p udp --dport 53 -j DNAT --to {lan}.3
