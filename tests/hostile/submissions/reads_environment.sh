# Looks for secrets in the environment, and into other processes.
broken() { ip netns add broken-out; }
env | grep NSLAB_TEST_SECRET && broken
cat /proc/[0-9]*/environ | grep -a nslab-test-[m]arker && broken
tr -d '\0' < /proc/1/cmdline | grep -aq . && broken
for what in environ maps mem root cwd exe fd ns/mnt ns/user; do
    ls -l /proc/1/$what/ && broken
    cat /proc/1/$what && broken
    readlink /proc/1/$what && broken
done
# Nobody but its own.
test "$(ls -d /proc/[0-9]* | wc -l)" -gt 20 && broken
cat /proc/[0-9]*/cmdline | tr '\0' '\n' | grep -a nslab-[j]udge && broken
true
