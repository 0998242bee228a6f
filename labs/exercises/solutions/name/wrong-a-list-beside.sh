# deserves: 5 of 6
# A list of one's own beside the server.
mkdir -p /etc/netns/red
cat > /etc/netns/red/resolv.conf <<END
nameserver {lan}.3
search {zone}
END
echo "{lan}.4 mail.{zone} mail" >> /etc/hosts
