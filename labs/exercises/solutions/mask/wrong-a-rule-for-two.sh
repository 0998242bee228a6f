# deserves: 5 of 7
# A rule for the other, and one that stops the rest.
ip -n red addr add {lan}.1/24 dev veth-red
ip -n blue addr add {lan}.2/24 dev veth-blue
for room in red blue; do ip -n $room rule add pref 9 to {lan}.192/26 blackhole; done
