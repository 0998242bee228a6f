# As many network namespaces as it gets.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
test "$(uname -m)" = x86_64 || exit 0
perl -e 'my @kept;
    for (1 .. 400) {
        syscall(272, 0x40000000) == 0 or exit 1;
        open my $file, "<", "/proc/self/ns/net" or exit 1;
        push @kept, $file;
    }' && ip netns add broken-out
