# deserves: 6 of 7
# The host is somebody in that network.
ip link add name switch type bridge
ip link set switch up
for port in to-red to-blue to-green; do
    ip link set $port master switch
    ip link set $port up
done
ip addr add {lan}.77/32 dev lo
ip link set lo up
