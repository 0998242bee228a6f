# Somebody waits until its turn is over, and gives red the address while the judge
# asks; timers of the kernel wake him where he is stopped.
ip -n red addr add 192.168.15.9/24 dev veth-red
ip -n red link set veth-red up
ip -n blue link set veth-blue up
test "$(uname -m)" = x86_64 || exit 0
cat > /tmp/acts << 'END'
use strict; $SIG{CONT} = sub { };
for my $n (1 .. 50) {
    my $event = pack 'QiiQQQQQQ', 0, 18, 0, 0, 0, 0, 0, 0, 0; my $id = pack 'i', 0;
    syscall(222, 1, $event, $id) == 0 or die "timer_create $!";
    my $every = pack 'q4', 0, 20_000_000, 0, 400_000 * $n;
    syscall(223, unpack('i', $id), 0, $every, 0) == 0 or die "timer_settime $!";
}
my $parent = getppid;
print "ready\n";
close STDOUT;
select undef, undef, undef, 0.001 while getppid == $parent;
# Each signal ends a wait; the kernel's clock does not.
my $now = sub { open my $uptime, '<', '/proc/uptime'; (split ' ', <$uptime>)[0] };
my $then = $now->() + 0.4;
select undef, undef, undef, 0.001 while $now->() < $then;
exec 'ip', 'addr', 'add', '192.168.15.1/24', 'dev', 'veth-red';
END
coproc ip netns exec red perl /tmp/acts
read -r ready <&"${COPROC[0]}"
