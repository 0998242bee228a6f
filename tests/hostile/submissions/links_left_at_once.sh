# As links_without_name.sh does, in a namespace that is left before anybody may have
# looked where it is.
test "$(uname -m)" = x86_64 || exit 0
perl -e '
    use Fcntl;
    open my $old, "<", "/proc/self/ns/net" or die;
    syscall(272, 0x40000000) == 0 or die;
    open my $new, "<", "/proc/self/ns/net" or die;
    syscall(308, fileno $old, 0) == 0 or die;
    fcntl $new, F_SETFD, 0;
    exec "nsenter", "--net=/proc/self/fd/" . fileno $new, "sh", "-c",
        "seq 1300 | sed \"s/.*/link add many& type veth peer name more&/\" | ip -batch -; sleep 60"' &
wait
ip netns add broken-out
