# By the link that it comes in by, with all that is at home in the table.
for net in "10.1.1.0/24 lan1" "10.1.2.0/24 lan2" "203.0.113.0/24 wan1" "198.51.100.0/24 wan2"; do
    set -- $net
    ip -n router route add $1 dev $2 table 200
done
ip -n router route add default via 198.51.100.1 dev wan2 table 200
ip -n router rule add iif lan2 lookup 200 pref 1000
