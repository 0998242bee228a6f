# TPROXY marks connections, and no rule leads what is marked to a table of its own.
# why inner 192.0.2.80 --tcp 80
ip netns add proxy
ip netns add inner
ip -n proxy link add lan0 type veth peer name eth0 netns inner
ip -n proxy link set lo up
ip -n proxy addr add 10.44.1.1/24 dev lan0
ip -n proxy link set lan0 up
ip -n inner addr add 10.44.1.2/24 dev eth0
ip -n inner link set eth0 up
ip -n inner route add default via 10.44.1.1
ip netns exec proxy iptables -t mangle -A PREROUTING -i lan0 -p tcp -j TPROXY --on-port 19040 --tproxy-mark 1
ip netns exec proxy python3 -c '
import socket
s = socket.socket(); s.setsockopt(0, 19, 1); s.setsockopt(1, 2, 1); s.bind(("0.0.0.0", 19040)); s.listen()
while True: s.accept()[0].close()' >/dev/null 2>&1 &
sleep 0.5
