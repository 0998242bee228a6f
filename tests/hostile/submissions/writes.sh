# Writes wherever it can, also where it says that it may.
mount -o remount,rw /
mount -o remount,rw,bind /usr && ip netns add broken-out
mount --make-rshared /
for folder in / /usr /usr/bin /usr/local /etc /var /var/lib /var/tmp /tmp /root /home /run /dev /dev/shm /sys /proc /sys/kernel /srv /mnt SCRATCH /run/nslab; do
    mkdir -p "$folder"
    echo x > "$folder/nslab-was-here"
done
test -e /usr/nslab-was-here && ip netns add broken-out
test -e /usr/bin/nslab-was-here && ip netns add broken-out
echo x >> /usr/bin/env && ip netns add broken-out
for file in kernel/core_pattern kernel/hostname kernel/modprobe vm/swappiness vm/drop_caches fs/file-max kernel/pid_max; do
    echo 1 > /proc/sys/$file
done
echo b > /proc/sysrq-trigger
echo 1 > /dev/mem
mknod /tmp/disk b 8 0 && ip netns add broken-out
hostname nslab-was-here
date -s 2001-01-01
for program in way lab; do ln -sf /etc/shadow /tmp/$program; done
true
