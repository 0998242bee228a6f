# 1.5 GB of files that are kept in memory, past what its own root may hold; on a
# path with a blank in it as well.
dd if=/dev/zero of=/tmp/large bs=1M count=1500
for folder in /tmp/more "/tmp/a b"; do
    mkdir "$folder"
    mount -t tmpfs -o size=100% more "$folder"
    mount -o remount,size=3g "$folder"
    for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        dd if=/dev/zero of="$folder/$part" bs=1M count=100 || break
    done
done
sleep 0.2
test "$(du -scm /tmp | tail -n 1 | cut -f 1)" -gt 512 && ip netns add broken-out
true
