mkdir -p /etc/netns/red
cat > /etc/netns/red/resolv.conf <<END
nameserver {lan}.3
search {zone}
END
