# deserves: 5 of 6
# The server for the whole name, a list for the short one.
mkdir -p /etc/netns/red
echo "nameserver {lan}.3" > /etc/netns/red/resolv.conf
echo "{lan}.2 web" >> /etc/hosts
