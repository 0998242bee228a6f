# 1.5 GB of files that are kept in memory, past what its own root may hold.
dd if=/dev/zero of=/tmp/large bs=1M count=1500
mkdir /tmp/more
mount -t tmpfs -o size=100% more /tmp/more || exit
for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    dd if=/dev/zero of=/tmp/more/$part bs=1M count=100
done
sleep 1
ip netns add broken-out
