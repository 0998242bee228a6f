# Has the judge's programs load its own code.
mkdir -p /etc/netns/red /etc/netns/blue
echo /etc/netns/red/mine.so > /etc/ld.so.preload
for netns in red blue; do
    echo mine > /etc/netns/$netns/mine.so
    echo /etc/netns/$netns/mine.so > /etc/netns/$netns/ld.so.preload
    echo mine > /etc/netns/$netns/ld.so.cache
    echo mine > /etc/netns/$netns/passwd
done
echo 'hosts: files' > /etc/netns/red/nsswitch.conf
echo '192.168.15.1 veth-red' >> /etc/hosts
printf '#!/bin/sh\necho 192.168.15.1\nexit 0\n' > /tmp/ip
chmod 755 /tmp/ip
for name in ip ping sh getent; do
    cp /tmp/ip /tmp/$name
    mount --bind /tmp/ip "$(command -v $name)"
done
rm -f /etc/hosts.allow
