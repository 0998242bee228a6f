# Answers in the place of the target, which has no address: forged ones wait in a
# queue of the kernel while programs stand still.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n red link set veth-red up
ip -n blue link set veth-blue up
ip -n red neigh add 192.168.15.2 lladdr $(ip netns exec blue cat /sys/class/net/veth-blue/address) dev veth-red nud permanent
ip netns exec blue tc qdisc add dev veth-blue root tbf rate 80kbit burst 2kb limit 20mb
cat > /tmp/f.pl <<'P'
sub mac { open my $f, '<', "/sys/class/net/$_[0]/address"; my $m = <$f>; $m =~ s/[:\n]//g; pack 'H*', $m }
open my $f, '<', '/sys/class/net/veth-blue/ifindex'; my $index = 0 + <$f>;
my $to = pack 'H*', $ARGV[0] =~ s/://gr;
sub sum { my $s = 0; $s += $_ for unpack 'n*', $_[0]; $s = ($s & 0xffff) + ($s >> 16) while $s >> 16; pack 'n', ~$s & 0xffff }
my @socks;
for my $k (0 .. 39) { socket my $s, 17, 3, 0 or die; bind $s, pack('SnlSCCa8', 17, 0x0800, $index, 0, 0, 0, '') or die; push @socks, $s;
  for my $i (0 .. 99) {
    my $icmp = pack('CCnnn', 0, 0, 0, 0x4e53 + $i % 2, 1) . "x" x 8; substr $icmp, 2, 2, sum($icmp);
    my $ip = pack('CCnnnCCna4a4', 0x45, 0, 20 + length $icmp, 1, 0, 64, 1, 0, pack('C4', 192,168,15,2), pack('C4', 192,168,15,1)); substr $ip, 10, 2, sum($ip);
    send $s, $to . mac('veth-blue') . "\x08\x00" . $ip . $icmp, 0x40 or last;
  } }
$|=1; print "ready\n"; open STDOUT, '>', '/dev/null'; sleep 100;
P
coproc ip netns exec blue perl /tmp/f.pl $(ip netns exec red cat /sys/class/net/veth-red/address)
read -r ready <&"${COPROC[0]}"
ip netns exec blue tc -s qdisc show dev veth-blue
ip -n blue -4 addr
