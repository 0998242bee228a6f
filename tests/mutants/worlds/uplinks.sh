# A router with two uplinks and a tunnel to a branch: the LAN leaves by A, guests leave
# by B, and a server is published on both.
# ask lan 192.0.2.80 80
# ask lan 192.0.2.80
# ask guest 192.0.2.80 80
# ask lan 10.50.0.20
# ask branch 192.168.3.10 80
# ask lan 192.168.3.10 80
# ask guest 192.168.3.10 80
# ask world 198.51.100.2 8443
# ask world 203.0.113.2 8443
# ask lan 192.168.1.1 53
ip netns add lan
ip netns add guest
ip netns add srv
ip netns add r
ip netns add ispa
ip netns add ispb
ip netns add world
ip netns add hq
ip netns add branch
ip link add lan0 netns r type veth peer name eth0 netns lan
ip link add guest0 netns r type veth peer name eth0 netns guest
ip link add dmz0 netns r type veth peer name eth0 netns srv
ip link add wana netns r type veth peer name eth0 netns ispa
ip link add wanb netns r type veth peer name eth0 netns ispb
ip link add inet netns ispa type veth peer name eth0 netns world
ip link add inet netns ispb type veth peer name eth1 netns world
ip link add cust netns ispa type veth peer name wan netns hq
ip link add lan netns hq type veth peer name eth0 netns branch
ip -n world link set lo up
ip -n srv link set lo up
ip -n r link set lo up
ip -n lan link set eth0 up
ip -n guest link set eth0 up
ip -n srv link set eth0 up
ip -n r link set lan0 up
ip -n r link set guest0 up
ip -n r link set dmz0 up
ip -n r link set wana up
ip -n r link set wanb up
ip -n ispa link set eth0 up
ip -n ispa link set inet up
ip -n ispa link set cust up
ip -n ispb link set eth0 up
ip -n ispb link set inet up
ip -n world link set eth0 up
ip -n world link set eth1 up
ip -n hq link set wan up
ip -n hq link set lan up
ip -n branch link set eth0 up
ip -n r addr add 192.168.1.1/24 dev lan0
ip -n lan addr add 192.168.1.20/24 dev eth0
ip -n r addr add 192.168.2.1/24 dev guest0
ip -n guest addr add 192.168.2.20/24 dev eth0
ip -n r addr add 192.168.3.1/24 dev dmz0
ip -n srv addr add 192.168.3.10/24 dev eth0
ip -n r addr add 198.51.100.2/30 dev wana
ip -n ispa addr add 198.51.100.1/30 dev eth0
ip -n r addr add 203.0.113.2/30 dev wanb
ip -n ispb addr add 203.0.113.1/30 dev eth0
ip -n ispa addr add 198.51.100.5/30 dev inet
ip -n world addr add 198.51.100.6/30 dev eth0
ip -n ispb addr add 203.0.113.5/30 dev inet
ip -n world addr add 203.0.113.6/30 dev eth1
ip -n world addr add 192.0.2.80/32 dev lo
ip -n ispa addr add 198.51.100.9/30 dev cust
ip -n hq addr add 198.51.100.10/30 dev wan
ip -n hq addr add 10.50.0.1/24 dev lan
ip -n branch addr add 10.50.0.20/24 dev eth0
ip -n r link add vpn0 type vxlan id 99 local 198.51.100.2 remote 198.51.100.10 dstport 4790
ip -n hq link add vpn0 type vxlan id 99 local 198.51.100.10 remote 198.51.100.2 dstport 4790
ip -n r addr add 10.99.0.1/30 dev vpn0
ip -n hq addr add 10.99.0.2/30 dev vpn0
ip -n r link set vpn0 up
ip -n hq link set vpn0 up
ip -n lan route add default via 192.168.1.1
ip -n guest route add default via 192.168.2.1
ip -n srv route add default via 192.168.3.1
ip -n branch route add default via 10.50.0.1
ip -n hq route add default via 198.51.100.9
ip -n hq route add 192.168.0.0/16 via 10.99.0.1
ip -n ispa route add 192.0.2.80/32 via 198.51.100.6
ip -n ispb route add 192.0.2.80/32 via 203.0.113.6
ip -n world route add 198.51.100.0/24 via 198.51.100.5
ip -n world route add 203.0.113.0/24 via 203.0.113.5
ip -n r route add default via 198.51.100.1
ip -n r route add 10.50.0.0/24 via 10.99.0.2
ip -n r route add default via 203.0.113.1 table 200
ip -n r route add 192.168.1.0/24 dev lan0 table 200
ip -n r route add 192.168.2.0/24 dev guest0 table 200
ip -n r route add 192.168.3.0/24 dev dmz0 table 200
ip -n r rule add from 192.168.2.0/24 lookup 200 pref 1000
ip -n r rule add fwmark 0x2 lookup 200 pref 1001
ip netns exec r sysctl -qw net.ipv4.ip_forward=1
ip netns exec ispa sysctl -qw net.ipv4.ip_forward=1
ip netns exec ispb sysctl -qw net.ipv4.ip_forward=1
ip netns exec hq sysctl -qw net.ipv4.ip_forward=1
ip netns exec r iptables -P INPUT DROP
ip netns exec r iptables -P FORWARD DROP
ip netns exec r iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
ip netns exec r iptables -A INPUT -p icmp -j ACCEPT
ip netns exec r iptables -A INPUT -i wana -p udp --dport 4790 -j ACCEPT
ip netns exec r iptables -A INPUT -i lan0 -p tcp --dport 53 -j ACCEPT
ip netns exec r iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
ip netns exec r iptables -A FORWARD -i guest0 -o lan0 -j REJECT
ip netns exec r iptables -A FORWARD -i lan0 -j ACCEPT
ip netns exec r iptables -A FORWARD -i guest0 -o wanb -j ACCEPT
ip netns exec r iptables -A FORWARD -i guest0 -o dmz0 -p tcp --dport 80 -j ACCEPT
ip netns exec r iptables -A FORWARD -i vpn0 -o dmz0 -j ACCEPT
ip netns exec r iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
ip netns exec r iptables -t nat -A POSTROUTING -o wana -j MASQUERADE
ip netns exec r iptables -t nat -A POSTROUTING -o wanb -j MASQUERADE
ip netns exec r iptables -t nat -A PREROUTING -i wana -p tcp --dport 8443 -j DNAT --to-destination 192.168.3.10:80
ip netns exec r iptables -t nat -A PREROUTING -i wanb -p tcp --dport 8443 -j DNAT --to-destination 192.168.3.10:80
ip netns exec r iptables -t mangle -A PREROUTING -i wanb -m conntrack --ctstate NEW -j CONNMARK --set-mark 0x2
ip netns exec r iptables -t mangle -A PREROUTING -i dmz0 -j CONNMARK --restore-mark
ip netns exec world nc -lk 80 > /dev/null &
ip netns exec srv nc -lk 80 > /dev/null &
ip netns exec r nc -lk 53 > /dev/null &
sleep 0.2
