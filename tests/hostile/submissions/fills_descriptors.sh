# All files that may be open, and as many on their way to nobody.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
for process in $(seq 20); do
    perl -e 'my @open; while (open(my $file, "<", "/dev/null")) { push @open, $file } print scalar(@open), "\n"; sleep 30' &
done
sleep 1
