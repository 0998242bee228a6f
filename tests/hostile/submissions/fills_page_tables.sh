# Memory that is only read is one page of zeros; to find it takes a table of 4 KiB
# for each 2 MiB of addresses.
python3 -c '
import mmap, time
kept = [mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ) for i in range(400)]
for one in kept:
    for at in range(0, 1 << 30, 2 << 20): one[at]
time.sleep(60)' &
wait
ip netns add broken-out
