# An older word for a search list of one.
mkdir -p /etc/netns/red
printf 'domain {zone}\noptions timeout:1\nnameserver {lan}.3\n' > /etc/netns/red/resolv.conf
ip netns exec red ping -c1 {lan}.3 > /dev/null
