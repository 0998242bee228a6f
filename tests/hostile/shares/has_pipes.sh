# Meanwhile a pipe holds as much as ever: 64 KiB (F_GETPIPE_SZ of fcntl(2)).
sleep 1
for i in $(seq 20); do
    perl -e 'pipe my $from, my $to; exit(fcntl($to, 1032, 0) != 65536)' || ip netns add broken-out
    sleep 0.1
done
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
