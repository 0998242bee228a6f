# deserves: 0 of 6
# A page of its own in the room of the web server.
mkdir -p /tmp/page
cd /tmp/page
printf 'I am web' > index.html
ip netns exec web python3 -m http.server 8000 > /dev/null 2>&1 &
sleep 1
iptables -t nat -A PREROUTING -p tcp --dport {port} -j DNAT --to-destination 172.17.0.2:8000
