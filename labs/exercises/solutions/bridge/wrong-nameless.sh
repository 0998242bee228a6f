# deserves: 6 of 7
# The host has an address on the switch, and takes no notice of who asks.
ip link add name switch type bridge
ip link set switch up
for port in to-red to-blue to-green; do
    ip link set $port master switch
    ip link set $port up
done
ip addr add {lan}.100/32 dev switch
sysctl -qw net.ipv4.icmp_echo_ignore_all=1
