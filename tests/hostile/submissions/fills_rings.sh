# A small ring of packets may be had.
perl -e 'socket my $socket, 17, 3, 0x0300 or die; exit !setsockopt $socket, 263, 5, pack "I4", 1 << 16, 4, 2048, 128' ||
    ip netns add broken-out
# Of 128 MiB there are not many.
perl -e '
    my @sockets;
    for (1 .. 12) {
        socket my $socket, 17, 3, 0x0300 or die;
        setsockopt $socket, 263, 10, pack "i", 1;
        setsockopt $socket, 263, 5, pack "I4", 1 << 22, 32, 1 << 11, (1 << 11) * 32 or last;
        push @sockets, $socket;
    }
    exit(@sockets > 2)' || ip netns add broken-out
true
