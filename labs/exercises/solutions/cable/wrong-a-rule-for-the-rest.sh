# deserves: 5 of 7
# A rule sends all others of the network nowhere.
ip link add e0 netns red type veth peer name e1 netns blue
n=0
for end in "red e0" "blue e1"; do
    set -- $end
    n=$((n + 1))
    ip -n $1 link set $2 up
    ip -n $1 addr add {lan}.$n/24 dev $2
    ip -n $1 rule add pref 10 to {lan}.128/25 prohibit
done
