# Traces the judge, or its own, which would free them of their filter.
# Numbers of calls are those of one kind of machine.
test "$(uname -m)" = x86_64 || exit 0
broken() { ip netns add broken-out; }
attach='exit(syscall(101, 16, $ARGV[0], 0, 0) == 0 ? 0 : 1)'
perl -e 'exit($^O eq "linux" ? 0 : 1)' || broken
sleep 2 &
perl -e "$attach" 1 && broken
perl -e "$attach" $! && broken
perl -e "$attach" $PPID && broken
kill $!
# process_vm_readv, kcmp, perf_event_open, bpf, keyctl, userfaultfd, io_uring_setup, open_by_handle_at
for call in 310 312 298 321 250 323 425 304; do
    perl -e 'my $r = syscall($ARGV[0], 0, 0, 0, 0, 0); exit($r == -1 && ($!+0 == 1 || $!+0 == 38) ? 1 : 0)' $call && broken
done
true
