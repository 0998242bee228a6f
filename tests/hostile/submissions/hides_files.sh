# 1.4 GB of files where nobody can look, in several file systems that are
# unmounted and held open.
mkdir /tmp/hidden
sum=0
for size in 3g 1g 420m 200m 100m 100m 100m; do
    mount -t tmpfs -o size=$size hidden /tmp/hidden || continue
    cd /tmp/hidden
    umount -l /tmp/hidden
    for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
        dd if=/dev/zero of=$part bs=1M count=100 || break
    done
    sum=$((sum + $(du -sm . | cut -f 1)))
    sleep 0.1 &
    cd /tmp
done
test $sum -gt 512 && ip netns add broken-out
true
