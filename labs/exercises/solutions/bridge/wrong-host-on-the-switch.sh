# deserves: 6 of 7
# The host has an address there, and hides it from itself.
ip link add name switch type bridge
ip link set switch up
for port in to-red to-blue to-green; do
    ip link set $port master switch
    ip link set $port up
done
ip addr add {lan}.100/24 dev switch
ip rule add pref 1 iif lo prohibit
