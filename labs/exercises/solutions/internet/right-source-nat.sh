# The host's address is known: it need not be looked up.
ip -n red route add 0.0.0.0/0 via {lan}.1
ip -n blue route add 0.0.0.0/1 via {lan}.1
ip -n blue route add 128.0.0.0/1 via {lan}.1
sysctl -qw net.ipv4.conf.all.forwarding=1
iptables -t nat -A POSTROUTING -s {lan}.0/24 -o wan -j SNAT --to-source 203.0.113.2
