# deserves: 0 of 6
# Red has a page of its own.
echo "127.0.0.1 web web.{zone}" >> /etc/hosts
ip -n red link set lo up
mkdir -p /tmp/page
cd /tmp/page
printf 'I am web' > index.html
ip netns exec red python3 -m http.server 80 > /dev/null 2>&1 &
sleep 1
