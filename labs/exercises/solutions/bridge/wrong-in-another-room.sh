# deserves: 0 of 7
# The bridge stands in a room of its own, and the given ends with it.
ip netns add closet
ip -n closet link add name switch type bridge
ip -n closet link set switch up
for port in to-red to-blue to-green; do
    ip link set $port netns closet
    ip -n closet link set $port master switch
    ip -n closet link set $port up
done
