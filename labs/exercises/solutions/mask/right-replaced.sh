# Away with the old, and on with the new.
for end in "red 1" "blue 2"; do
    set -- $end
    ip -n $1 addr del {lan}.$2/32 dev veth-$1
    ip -n $1 addr add {lan}.$2/24 brd + dev veth-$1
done
