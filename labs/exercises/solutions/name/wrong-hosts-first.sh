# deserves: 5 of 6
# The server is asked after a list of its own.
printf 'search {zone}\nnameserver {lan}.3\n' > /etc/resolv.conf
echo "{lan}.2 web web.{zone}" >> /etc/hosts
