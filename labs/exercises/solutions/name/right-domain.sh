# `domain` is an older word for a search list of one.
mkdir -p /etc/netns/red
printf 'domain {zone}\nnameserver {lan}.3\noptions timeout:1 attempts:2\n' > /etc/netns/red/resolv.conf
