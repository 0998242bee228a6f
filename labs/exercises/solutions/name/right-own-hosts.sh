# A file of hosts of one's own, with nobody but oneself in it.
mkdir -p /etc/netns/red
printf '# red asks dns\nsearch {zone}\nnameserver {lan}.3\n' > /etc/netns/red/resolv.conf
printf '127.0.0.1 localhost\n' > /etc/netns/red/hosts
ip -n red link set lo up
