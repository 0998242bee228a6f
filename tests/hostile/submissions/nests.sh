# Makes itself root of somewhere else, and goes where others are.
broken() { ip netns add broken-out; }
unshare -U true && broken
unshare -Ur true && broken
unshare -Urm true && broken
test "$(uname -m)" = x86_64 && perl -e 'exit(syscall(56, 0x10000000 | 17, 0, 0, 0, 0) >= 0 ? 0 : 1)' && broken
for kind in mount pid user; do nsenter -t 1 --$kind true && broken; done
nsenter -t 1 -a true && broken
# What is below what is mounted?
for round in 1 2 3; do
    for point in $(cut -d' ' -f5 /proc/self/mountinfo | grep -v -e '^/usr' -e '^/run/netns' -e '^/$' | sort -r); do umount -l $point; done
done
test -e SCRATCH && broken
for folder in /old /mnt/* /run/nslab/etc /run/nslab/booth; do test -e $folder && broken; done
mount -t proc proc /mnt && ls -d /mnt/[0-9]* | wc -l | { read n; test "$n" -gt 20 && broken; }
mount -t cgroup2 cgroup /mnt && broken
mount -t bpf bpf /mnt && broken
mount -t debugfs debug /mnt && broken
mount -t ext4 /dev/vda /mnt && broken
chroot /proc/1/root true && broken
true
