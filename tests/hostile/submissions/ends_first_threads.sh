# What /proc says of a process is its first thread's, which has ended here, with
# as much memory as is allowed to all in each of three processes.
python3 -c '
import ctypes, mmap, os, platform, threading, time
def hold():
    time.sleep(0.3)
    kept = [mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for i in range(300)]
    for one in kept: one.write(b"x" * (1 << 20))
    time.sleep(60); os._exit(0)
for n in range(3):
    if os.fork() == 0:
        threading.Thread(target=hold).start()
        ctypes.CDLL(None).syscall(60 if platform.machine() == "x86_64" else 93, 0)
time.sleep(60)' &
# Who is ended does not come here.
wait
ip netns add broken-out
