# 1.6 GB, in four processes.
for part in 1 2 3 4; do
    perl -e 'my $x = "x" x (400 << 20); sleep 60' &
done
wait
ip netns add broken-out
