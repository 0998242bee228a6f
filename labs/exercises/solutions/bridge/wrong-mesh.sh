# deserves: 0 of 7
# No bridge: a cable from each to each.
mesh() {
    ip link add x$2 netns $1 type veth peer name x$1 netns $2
    ip -n $1 link set x$2 up
    ip -n $2 link set x$1 up
    ip -n $1 route add {lan}.$4 dev x$2
    ip -n $2 route add {lan}.$3 dev x$1
}
mesh red blue 1 2
mesh blue green 2 3
mesh red green 1 3
