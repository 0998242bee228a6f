# deserves: 0 of 7
# Only small packets pass.
ip link add name switch type bridge
ip link set switch up
for port in to-red to-blue to-green; do
    ip link set $port master switch
    ip link set $port up
done
for port in to-red to-blue to-green; do ip link set $port mtu 200; done
