# More mounts than anybody can look at.
test "$(uname -m)" = x86_64 || exit 0
mkdir /tmp/m
timeout 3 perl -e 'my ($p, $n, $f) = ("/tmp/m", "", 4096); for (my $i = 0; $i < 20000; $i++) { syscall(165, $p, $p, $n, $f, 0) == 0 or die "$i $!" }'
sleep 1
test "$(wc -l < /proc/self/mountinfo)" -gt 10000 && ip netns add broken-out
true
