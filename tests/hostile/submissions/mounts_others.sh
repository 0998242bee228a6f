# Kinds of file systems that run its code in others, or hold memory that nobody
# counts; as mount(8) calls for them, as old programs did, and past a flag.
mkdir /tmp/m
handlers() { mount | grep -q "$1" && ip netns add broken-out; }
for kind in binfmt_misc ramfs overlay cgroup2 cgroup fuse bpf debugfs tracefs hugetlbfs nfsd rpc_pipefs configfs securityfs autofs; do
    mount -t $kind none /tmp/m && ip netns add broken-out
    mount -t $kind -o lowerdir=/usr:/bin none /tmp/m && ip netns add broken-out
done
test "$(uname -m)" = x86_64 || exit 0
perl -e '
    for my $kind ("binfmt_misc", "ramfs") {
        for my $flags (0, 0xC0ED0000, 0xC0ED0001, 1 << 24, 1 << 25, 0x8000, 1 << 32) {
            my ($source, $target, $name, $data) = ("none", "/tmp/m", $kind, "");
            syscall(165, $source, $target, $name, $flags, $data) == 0 and exit 1;
        }
    }
    # A thread that changes the name while it is looked at.
    my ($source, $target, $data) = ("none", "/tmp/m", "");' || ip netns add broken-out
for kind in proc sysfs tmpfs devpts mqueue; do
    mount -t $kind none /tmp/m && umount /tmp/m || echo "$kind is missing"
done
true
