# Answers in the place of the target, as responds.sh does; timers of the kernel wake
# it where it is stopped.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n red link set veth-red up
ip -n blue link set veth-blue up
cat > /tmp/responder << 'END'
use strict; $SIG{CONT} = sub { };
open my $file, '<', '/sys/class/net/veth-blue/ifindex' or die;
my $index = <$file>;
open $file, '<', '/sys/class/net/veth-blue/address' or die;
chomp(my $own = <$file>);
my $mac = pack 'H12', $own =~ s/://gr;
my $ip = pack 'C4', 192, 168, 15, 2;
socket my $wire, 17, 3, 0x0300 or die;
bind $wire, pack 'SnlSCCa8', 17, 3, $index, 0, 0, 6, '' or die;
# a SIGCONT to itself every 20 ms, by fifty timers of the kernel
for my $n (1 .. 50) {
    my $event = pack 'QiiQQQQQQ', 0, 18, 0, 0, 0, 0, 0, 0, 0; my $id = pack 'i', 0;
    syscall(222, 1, $event, $id) == 0 or die "timer_create $!";
    my $every = pack 'q4', 0, 20_000_000, 0, 400_000 * $n;
    syscall(223, unpack('i', $id), 0, $every, 0) == 0 or die "timer_settime $!";
}
print "ready\n";
close STDOUT;
while (1) { defined recv $wire, my $frame, 2048, 0 or next;
    my $type = unpack 'x12 n', $frame;
    my $sender = substr $frame, 6, 6;
    if ($type == 0x0806 && substr($frame, 20, 2) eq "\0\1" && substr($frame, 38, 4) eq $ip) {
        my $asker = substr $frame, 22, 10;
        send $wire, "$sender$mac\x08\x06" . substr($frame, 14, 6) . "\0\2$mac$ip$asker", 0;
    } elsif ($type == 0x0800 && substr($frame, 30, 4) eq $ip && substr($frame, 34, 1) eq "\x08") {
        my $sum = 0x0800 + unpack 'x36 n', $frame;
        $sum = ($sum & 0xffff) + ($sum >> 16);
        send $wire, "$sender$mac" . substr($frame, 12, 14) . substr($frame, 30, 4) . substr($frame, 26, 4)
            . "\0" . substr($frame, 35, 1) . pack('n', $sum) . substr($frame, 38), 0;
    }
}
END
coproc ip netns exec blue perl /tmp/responder
read -r ready <&"${COPROC[0]}"
