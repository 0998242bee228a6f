# Looks for the exercise, its solution, and whatever else is on the machine.
broken() { ip netns add broken-out; }
for path in SCRATCH SCRATCH/labs/x/lab.rhai SCRATCH/labs/x/solutions/way.sh SCRATCH/secret /root/.bashrc /etc/shadow /etc/ssh /etc/ssl/private /etc/machine-id; do
    test -e "$path" && broken
done
grep -rsq nslab-test-[m]arker /tmp /run /var /etc /home /root /srv /mnt /opt /dev && broken
# But for what has another name here: this script itself.
grep -rsl 'submissio[n](' /tmp /run /var /etc /home /root | grep -v reads_files && broken
ls /proc/1/root/ && broken
ls /home/* /root/.[a-z]* && broken
true
