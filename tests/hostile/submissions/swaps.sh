# Another namespace under the name of the one that is looked at.
ip netns add other
ip -n other link set lo up
ip -n other addr add 192.168.15.1/32 dev lo
ip -n other addr add 192.168.15.2/32 dev lo
umount /run/netns/red
mount --bind /run/netns/other /run/netns/red
umount /run/netns/blue
rm /run/netns/blue
mkfifo /run/netns/blue
ln -s /nowhere /run/netns/nowhere
