# deserves: 5 of 7
# The rest of the network is on lo, where nobody is.
for end in "red 2" "blue 1"; do
    set -- $end
    ip -n $1 link set lo up
    ip -n $1 route add {lan}.0/24 dev lo
    ip -n $1 route add {lan}.$2 dev veth-$1
done
