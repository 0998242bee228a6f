# As fills_neighbours.sh does, where no name leads.
unshare -n sh -c '
    ip link add d1 type veth peer name d2; ip addr add 10.0.0.1/16 dev d1; ip link set d1 up; ip link set d2 up
    for third in 1 2 3 4 5; do
        for last in $(seq 250); do echo "neigh replace 10.0.$third.$last lladdr 02:00:00:00:00:01 dev d1 nud reachable"; done
    done > /tmp/many
    for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ip -batch /tmp/many; sleep 0.1; done
    sleep 1'
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
