# 900 MB of memory that processes share and no file has, and as much that is
# mapped no more but for a page.
test "$(uname -m)" = x86_64 || exit 0
perl -e '
    open my $zero, "+<", "/dev/zero" or die;
    my $sum = 0;
    for my $mapped ([0x21, -1], [1, fileno $zero], [3, fileno $zero], [0x23, -1]) {
        for (1 .. 40) {
            my ($flags, $fd) = @$mapped;
            my $at = syscall 9, 0, 30 << 20, 3, $flags, $fd, 0;
            last if $at == -1;
            # madvise(MADV_POPULATE_WRITE), munmap
            $sum += 30 if syscall(28, $at, 30 << 20, 23) == 0;
            syscall 11, $at + 4096, (30 << 20) - 4096;
        }
    }
    exit($sum > 200)' || ip netns add broken-out
true
