# 1.4 GB of files where nobody can look: it could be anybody's.
mkdir /tmp/hidden
mount -t tmpfs -o size=3g hidden /tmp/hidden
cd /tmp/hidden
umount -l /tmp/hidden
for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
    dd if=/dev/zero of=$part bs=1M count=100
done
sleep 1
ip netns add broken-out
