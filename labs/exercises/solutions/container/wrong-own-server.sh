# deserves: 9 of 13
# The host has a page of its own in place of the NAT.
ip link add name docker0 type bridge
ip addr add {lan}.1/24 dev docker0
ip link set docker0 up
ip link add veth-box type veth peer name eth0 netns box
ip link set veth-box master docker0
ip link set veth-box up
ip -n box addr add {lan}.2/24 dev eth0
ip -n box link set eth0 up
ip -n box route add default via {lan}.1
sysctl -w net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
mkdir -p /tmp/page
cd /tmp/page
printf 'I am the box' > index.html
python3 -m http.server {port} > /dev/null 2>&1 &
sleep 1
