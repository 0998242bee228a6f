# A Docker host with ufw: networks front and back, published ports, a LAN and the world.
# ask lan 192.168.1.10 8080
# ask lan 192.168.1.10 8443
# ask lan 192.168.1.10 22
# ask far 203.0.113.2 8080
# ask web 172.19.0.2 5432
# ask web 172.18.0.3 443
# ask api 203.0.113.9 80
# ask db 203.0.113.9
# ask lan 203.0.113.9
ip netns add lan
ip netns add far
ip netns add web
ip netns add api
ip netns add db
ip link set lo up
ip -n web link set lo up
ip -n api link set lo up
ip -n db link set lo up
ip -n far link set lo up
ip link add eth0 type veth peer name eth0 netns far
ip link add eth1 type veth peer name eth0 netns lan
ip link add br-front type bridge
ip link add br-back type bridge
ip link add vweb1 type veth peer name eth0 netns web
ip link add vweb2 type veth peer name eth1 netns web
ip link add vapi type veth peer name eth0 netns api
ip link add vdb type veth peer name eth0 netns db
ip link set vweb1 master br-front
ip link set vweb2 master br-back
ip link set vapi master br-front
ip link set vdb master br-back
ip link set eth0 up
ip link set eth1 up
ip link set br-front up
ip link set br-back up
ip link set vweb1 up
ip link set vweb2 up
ip link set vapi up
ip link set vdb up
ip -n lan link set eth0 up
ip -n far link set eth0 up
ip -n web link set eth0 up
ip -n web link set eth1 up
ip -n api link set eth0 up
ip -n db link set eth0 up
ip addr add 203.0.113.2/24 dev eth0
ip addr add 192.168.1.10/24 dev eth1
ip addr add 172.18.0.1/16 dev br-front
ip addr add 172.19.0.1/16 dev br-back
ip -n far addr add 203.0.113.9/24 dev eth0
ip -n lan addr add 192.168.1.50/24 dev eth0
ip -n web addr add 172.18.0.2/16 dev eth0
ip -n web addr add 172.19.0.3/16 dev eth1
ip -n api addr add 172.18.0.3/16 dev eth0
ip -n db addr add 172.19.0.2/16 dev eth0
ip -n lan route add default via 192.168.1.10
ip -n web route add default via 172.18.0.1
ip -n api route add default via 172.18.0.1
ip -n db route add default via 172.19.0.1
sysctl -qw net.ipv4.ip_forward=1
iptables -P INPUT DROP
iptables -P FORWARD DROP
iptables -N ufw-before-input
iptables -N ufw-user-input
iptables -N ufw-user-forward
iptables -A INPUT -j ufw-before-input
iptables -A ufw-before-input -i lo -j ACCEPT
iptables -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A ufw-before-input -m conntrack --ctstate INVALID -j DROP
iptables -A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
iptables -A ufw-before-input -j ufw-user-input
iptables -A ufw-user-input -p tcp --dport 22 -j ACCEPT
iptables -A ufw-user-input -s 192.168.1.0/24 -p tcp --dport 9100 -j ACCEPT
iptables -N DOCKER
iptables -N DOCKER-USER
iptables -N DOCKER-ISOLATION-STAGE-1
iptables -N DOCKER-ISOLATION-STAGE-2
iptables -A FORWARD -j DOCKER-USER
iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1
iptables -A FORWARD -o br-front -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -o br-front -j DOCKER
iptables -A FORWARD -i br-front ! -o br-front -j ACCEPT
iptables -A FORWARD -i br-front -o br-front -j ACCEPT
iptables -A FORWARD -o br-back -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -o br-back -j DOCKER
iptables -A FORWARD -i br-back ! -o br-back -j ACCEPT
iptables -A FORWARD -i br-back -o br-back -j ACCEPT
iptables -A FORWARD -j ufw-user-forward
iptables -A ufw-user-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A ufw-user-forward -i eth1 -o eth0 -j ACCEPT
iptables -A DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 8443 -j DROP
iptables -A DOCKER-USER -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-1 -i br-front ! -o br-front -j DOCKER-ISOLATION-STAGE-2
iptables -A DOCKER-ISOLATION-STAGE-1 -i br-back ! -o br-back -j DOCKER-ISOLATION-STAGE-2
iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-2 -o br-front -j DROP
iptables -A DOCKER-ISOLATION-STAGE-2 -o br-back -j DROP
iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
iptables -A DOCKER -d 172.18.0.2/32 ! -i br-front -o br-front -p tcp --dport 80 -j ACCEPT
iptables -A DOCKER -d 172.18.0.3/32 ! -i br-front -o br-front -p tcp --dport 443 -j ACCEPT
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-front -j MASQUERADE
iptables -t nat -A POSTROUTING -s 172.19.0.0/16 ! -o br-back -j MASQUERADE
iptables -t nat -A POSTROUTING -s 192.168.1.0/24 -o eth0 -j MASQUERADE
iptables -t nat -A DOCKER ! -i br-front -p tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80
iptables -t nat -A DOCKER ! -i br-front -p tcp --dport 8443 -j DNAT --to-destination 172.18.0.3:443
nc -lk 22 > /dev/null &
nc -lk 9100 > /dev/null &
ip netns exec far nc -lk 80 > /dev/null &
ip netns exec web nc -lk 80 > /dev/null &
ip netns exec api nc -lk 443 > /dev/null &
ip netns exec db nc -lk 5432 > /dev/null &
sleep 0.2
