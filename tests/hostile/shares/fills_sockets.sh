# What waits in sockets, in twenty processes: none of it is theirs, all is the
# kernel's.
for i in $(seq 20); do
    perl -e '
        use Socket;
        my (@kept, $from, $to);
        while (socketpair $from, $to, AF_UNIX, SOCK_STREAM, 0) {
            $_->blocking(0) for $from, $to;
            for my $end ($from, $to) { 1 while syswrite $end, "x" x 60000 }
            push @kept, $from, $to;
            ($from, $to) = ();
        }
        sleep 60' &
done
wait
echo nobody has ended me
