# deserves: 0 of 7
# B routes nothing: a cable from a to c that bears the name of the judged link.
for end in a c; do
    ip -n $end link set eth0 down
    ip -n $end link set eth0 name old
    ip -n $end link set old up
done
ip link add eth0 netns a type veth peer name eth0 netns c
ip -n a link set eth0 up
ip -n c link set eth0 up
ip -n a route add {east}.205 dev eth0
ip -n c route add {west}.205 dev eth0
ip -n a route add {east}.6 via {west}.6
ip -n c route add {west}.6 via {east}.6
