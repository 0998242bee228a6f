# The ports first, and lo and IPv6 as they like.
ip link set lo up
sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip link add br0 address 02:00:00:00:00:0b type bridge
for port in to-green to-blue to-red; do
    ip link set $port up
    ip link set $port master br0
done
ip link set br0 up
