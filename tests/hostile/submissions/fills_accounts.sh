# What the kernel counts by user, whoever else is that user: instances of
# inotify(7), signals that wait, terminals.
test "$(uname -m)" = x86_64 || exit 0
perl -e '
    use POSIX;
    my $watches = 0;
    for (1 .. 200) { my $fd = syscall 294, 0; last if $fd == -1; $watches++ }
    print "inotify $watches\n";
    my $terminals = 0; my @kept;
    for my $folder ("/dev/pts", map "/tmp/pts$_", 1 .. 20) {
        mkdir $folder; system "mount -t devpts none $folder 2> /dev/null" if $folder =~ /tmp/;
        while (open my $terminal, "+<", "$folder/ptmx") { push @kept, $terminal; $terminals++ }
    }
    print "terminals $terminals\n";
    # SIGRTMIN, blocked.
    my $set = POSIX::SigSet->new(40); sigprocmask(SIG_BLOCK, $set);
    my $signals = 0;
    my $info = pack "iii x4 ii x104", 40, 0, -1, $$, $<;
    for (1 .. 5000) { last if syscall(129, $$, 40, $info) == -1; $signals++ }
    print "signals $signals\n";
    exit($watches > 16 || $terminals > 100 || $signals > 600)' || ip netns add broken-out
true
