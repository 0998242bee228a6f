ip link add name switch type bridge
ip link set switch up
for port in to-red to-blue to-green; do
    ip link set $port master switch
    ip link set $port up
done
