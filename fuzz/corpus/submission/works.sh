# Not hostile at all: what labs are made with works as ever.
set -e
has() { command -v "$1" > /dev/null; }
ip netns add extra
ip netns exec extra ip netns exec red ip link > /dev/null
ip netns delete extra
mkdir -p /etc/netns/red /tmp/www
echo '192.168.15.2 blue' > /etc/netns/red/hosts
ip netns exec red grep -q blue /etc/hosts
echo '100 isp' >> /etc/iproute2/rt_tables
ip rule add table isp pref 100
ip link add br0 type bridge
bridge link > /dev/null
sysctl -qw net.ipv4.ip_forward=1
unshare -n ip link > /dev/null
unshare -m sh -c 'mount -t tmpfs none /mnt && umount /mnt'
unshare -p -f --mount-proc sh -c 'test $$ = 1 && ps ax > /dev/null'
nsenter --net=/run/netns/red ip link > /dev/null
if has setpriv; then setpriv --reuid=65534 --regid=65534 --clear-groups true; fi
ip -n blue link set lo up
if has tcpdump && has ping; then
    ip netns exec blue ping -i 0.2 127.0.0.1 > /dev/null &
    ip netns exec blue timeout 5 tcpdump -n -c 1 -i lo > /dev/null 2>&1
    kill $!
fi
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n blue link set veth-blue up
ip -n red link set veth-red up
ip -n red addr add 192.168.15.9/24 dev veth-red
if has ping; then ip netns exec red ping -c 1 -W 1 192.168.15.2 > /dev/null; fi
if has iptables; then ip netns exec red iptables -A INPUT -p tcp --dport 99 -j DROP; fi
if has nft; then ip netns exec red nft list ruleset > /dev/null; fi
if has dnsmasq; then
    ip netns exec blue dnsmasq -d -C /dev/null --no-resolv --address=/web.lab/192.168.15.2 2> /dev/null &
    mkdir -p /etc/netns/red
    echo 'nameserver 192.168.15.2' > /etc/netns/red/resolv.conf
    for round in $(seq 50); do ip netns exec red getent hosts web.lab > /dev/null && break; sleep 0.05; done
    ip netns exec red getent hosts web.lab > /dev/null
fi
if has nginx && has curl; then
    echo hello > /tmp/www/index.html
    printf 'user root; pid /tmp/nginx.pid; error_log /tmp/error.log; events {}\nhttp { access_log off; server { listen 80; root /tmp/www; } }\n' > /tmp/nginx.conf
    ip netns exec blue nginx -c /tmp/nginx.conf
    test "$(ip netns exec red curl -s http://192.168.15.2/)" = hello
fi
ip -n red addr del 192.168.15.9/24 dev veth-red
ip -n red addr add 192.168.15.1/24 dev veth-red
