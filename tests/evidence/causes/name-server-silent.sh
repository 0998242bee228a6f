# A program takes the questions on UDP port 53 of b, and says nothing.
# why a nas.lan
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 10.2.0.1/24 dev eth0
ip -n b addr add 10.2.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
mkdir -p /etc/netns/a
printf 'nameserver 10.2.0.2\noptions timeout:1 attempts:1\n' > /etc/netns/a/resolv.conf
printf 'hosts: files dns\n' > /etc/netns/a/nsswitch.conf
ip netns exec b python3 -c 'import socket,time; s=socket.socket(2,2); s.bind(("0.0.0.0",53)); time.sleep(1e6)' >/dev/null 2>&1 &
sleep 0.5
