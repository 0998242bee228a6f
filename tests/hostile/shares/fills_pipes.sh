# As many pages of pipes as a user may have, and somewhat longer than the other
# one takes.
for i in 1 2 3 4 5 6; do
    perl -e '
        my (@kept, $from, $to);
        while (pipe $from, $to) { push @kept, $from, $to; ($from, $to) = () }
        sleep 60' &
done
sleep 3
