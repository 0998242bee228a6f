# More neighbours than a lab may know, of the table that all share.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
for third in 20 21; do
    for last in $(seq 250); do echo "neigh add 192.168.$third.$last lladdr 02:00:00:00:00:01 dev veth-red nud reachable"; done
done > /tmp/many
ip -n red -batch /tmp/many
