# Two nodes of a cluster: pods on bridges, flannel's VXLAN between the nodes, kube-proxy's
# rules on the first node, and a client outside of the cluster.
# ask app 10.244.2.11
# ask app 10.244.1.12 53
# ask app 10.96.0.20 80
# ask app 10.96.0.53 53
# ask far 10.244.1.12 53
# ask client 192.168.9.1 30080
# ask client 192.168.9.1 22
# ask app 192.168.9.100
# ask app 192.168.9.2
ip netns add app
ip netns add dns
ip netns add sw
ip netns add n2
ip netns add web
ip netns add far
ip netns add client
ip link set lo up
ip -n dns link set lo up
ip -n web link set lo up
ip -n sw link add br0 type bridge
ip link add eth0 type veth peer name p1 netns sw
ip link add eth0 netns n2 type veth peer name p2 netns sw
ip link add eth0 netns client type veth peer name p3 netns sw
ip -n sw link set p1 master br0
ip -n sw link set p2 master br0
ip -n sw link set p3 master br0
ip -n sw link set br0 up
ip -n sw link set p1 up
ip -n sw link set p2 up
ip -n sw link set p3 up
ip link set eth0 up
ip -n n2 link set eth0 up
ip -n client link set eth0 up
ip addr add 192.168.9.1/24 dev eth0
ip -n n2 addr add 192.168.9.2/24 dev eth0
ip -n client addr add 192.168.9.100/24 dev eth0
ip link add cni0 type bridge
ip -n n2 link add cni0 type bridge
ip link add vapp type veth peer name eth0 netns app
ip link add vdns type veth peer name eth0 netns dns
ip link add vweb netns n2 type veth peer name eth0 netns web
ip link add vfar netns n2 type veth peer name eth0 netns far
ip link set vapp master cni0
ip link set vdns master cni0
ip -n n2 link set vweb master cni0
ip -n n2 link set vfar master cni0
ip link set cni0 up
ip -n n2 link set cni0 up
ip link set vapp up
ip link set vdns up
ip -n n2 link set vweb up
ip -n n2 link set vfar up
ip -n app link set eth0 up
ip -n dns link set eth0 up
ip -n web link set eth0 up
ip -n far link set eth0 up
ip addr add 10.244.1.1/24 dev cni0
ip -n n2 addr add 10.244.2.1/24 dev cni0
ip -n app addr add 10.244.1.11/24 dev eth0
ip -n dns addr add 10.244.1.12/24 dev eth0
ip -n web addr add 10.244.2.10/24 dev eth0
ip -n far addr add 10.244.2.11/24 dev eth0
ip -n app route add default via 10.244.1.1
ip -n dns route add default via 10.244.1.1
ip -n web route add default via 10.244.2.1
ip -n far route add default via 10.244.2.1
ip link add flannel.1 address 0a:58:00:00:00:01 mtu 1450 type vxlan id 1 dev eth0 local 192.168.9.1 dstport 8472 nolearning
ip -n n2 link add flannel.1 address 0a:58:00:00:00:02 mtu 1450 type vxlan id 1 dev eth0 local 192.168.9.2 dstport 8472 nolearning
ip addr add 10.244.1.0/32 dev flannel.1
ip -n n2 addr add 10.244.2.0/32 dev flannel.1
ip link set flannel.1 up
ip -n n2 link set flannel.1 up
ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
ip -n n2 route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
ip neigh add 10.244.2.0 lladdr 0a:58:00:00:00:02 dev flannel.1 nud permanent
ip -n n2 neigh add 10.244.1.0 lladdr 0a:58:00:00:00:01 dev flannel.1 nud permanent
bridge fdb append 0a:58:00:00:00:02 dev flannel.1 dst 192.168.9.2
bridge -n n2 fdb append 0a:58:00:00:00:01 dev flannel.1 dst 192.168.9.1
sysctl -qw net.ipv4.ip_forward=1
ip netns exec n2 sysctl -qw net.ipv4.ip_forward=1
iptables -P FORWARD DROP
iptables -N KUBE-FORWARD
iptables -N KUBE-FIREWALL
iptables -A INPUT -j KUBE-FIREWALL
iptables -A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
iptables -A FORWARD -j KUBE-FORWARD
iptables -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
iptables -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
iptables -A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -s 10.244.0.0/16 -j ACCEPT
iptables -A FORWARD -d 10.244.0.0/16 -j ACCEPT
iptables -t nat -N KUBE-SERVICES
iptables -t nat -N KUBE-NODEPORTS
iptables -t nat -N KUBE-POSTROUTING
iptables -t nat -N KUBE-MARK-MASQ
iptables -t nat -N KUBE-SVC-WEB
iptables -t nat -N KUBE-SEP-WEB1
iptables -t nat -N KUBE-SVC-DNS
iptables -t nat -N KUBE-SEP-DNS1
iptables -t nat -A PREROUTING -j KUBE-SERVICES
iptables -t nat -A OUTPUT -j KUBE-SERVICES
iptables -t nat -A POSTROUTING -j KUBE-POSTROUTING
iptables -t nat -A POSTROUTING -s 10.244.1.0/24 ! -d 10.244.0.0/16 -j MASQUERADE
iptables -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
iptables -t nat -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
iptables -t nat -A KUBE-POSTROUTING -j MASQUERADE
iptables -t nat -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
iptables -t nat -A KUBE-SERVICES -d 10.96.0.20/32 -p tcp --dport 80 -j KUBE-SVC-WEB
iptables -t nat -A KUBE-SERVICES -d 10.96.0.53/32 -p tcp --dport 53 -j KUBE-SVC-DNS
iptables -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
iptables -t nat -A KUBE-NODEPORTS -p tcp --dport 30080 -j KUBE-MARK-MASQ
iptables -t nat -A KUBE-NODEPORTS -p tcp --dport 30080 -j KUBE-SVC-WEB
iptables -t nat -A KUBE-SVC-WEB ! -s 10.244.0.0/16 -d 10.96.0.20/32 -p tcp --dport 80 -j KUBE-MARK-MASQ
iptables -t nat -A KUBE-SVC-WEB -j KUBE-SEP-WEB1
iptables -t nat -A KUBE-SEP-WEB1 -s 10.244.2.10/32 -j KUBE-MARK-MASQ
iptables -t nat -A KUBE-SEP-WEB1 -p tcp -j DNAT --to-destination 10.244.2.10:8080
iptables -t nat -A KUBE-SVC-DNS -j KUBE-SEP-DNS1
iptables -t nat -A KUBE-SEP-DNS1 -s 10.244.1.12/32 -j KUBE-MARK-MASQ
iptables -t nat -A KUBE-SEP-DNS1 -p tcp -j DNAT --to-destination 10.244.1.12:53
nc -lk 22 > /dev/null &
ip netns exec dns nc -lk 53 > /dev/null &
ip netns exec web nc -lk 8080 > /dev/null &
sleep 0.2
