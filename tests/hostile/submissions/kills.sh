# Ends the judge, or holds it up.
for signal in KILL TERM STOP SEGV HUP; do
    kill -$signal 1
    kill -$signal $PPID
    for pid in 2 3 4 5 6 7 8 9 10 20 30 50 100 1000; do
        test $pid = $$ || kill -$signal $pid
    done
done
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
kill -KILL -1
