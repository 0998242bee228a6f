# 900 MB of memory that processes share and no file has, and as much that is
# mapped no more but for a page. The descriptor of a file is as good as that of
# /dev/zero, which another thread can put in its place.
test "$(uname -m)" = x86_64 || exit 0
perl -e '
    open my $zero, "+<", "/dev/zero" or die;
    open my $file, "+>", "/tmp/file" or die;
    truncate $file, 30 << 20;
    my %sum;
    for my $mapped ([0x21, -1], [1, fileno $zero], [3, fileno $file], [0x23, -1]) {
        for (1 .. 40) {
            my ($flags, $fd) = @$mapped;
            my $at = syscall 9, 0, 30 << 20, 3, $flags, $fd, 0;
            last if $at == -1;
            # madvise(MADV_POPULATE_WRITE), munmap
            $sum{$fd == -1} += 30 if syscall(28, $at, 30 << 20, 23) == 0;
            syscall 11, $at + 4096, (30 << 20) - 4096;
        }
    }
    exit($sum{1} > 128 || $sum{""} > 384)' || ip netns add broken-out
# What instances of epoll(7) watch is counted for a whole user of the machine.
perl -e 'for (1 .. 100) { last if syscall(291, 0) < 0; $made++ } exit($made > 64)' || ip netns add broken-out
true
