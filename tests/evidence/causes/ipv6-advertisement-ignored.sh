# The router advertises its network, and a ignores router advertisements (accept_ra is 0).
# why a fd00:1::1
ip netns add a
ip netns add router
ip link add eth0 netns a type veth peer name eth0 netns router
ip netns exec a sysctl -qw net.ipv6.conf.eth0.accept_ra=0
ip netns exec router sysctl -qw net.ipv6.conf.all.forwarding=1
ip -n router addr add fe80::1/64 dev eth0 nodad
ip -n router addr add fd00:1::1/64 dev eth0 nodad
ip -n a link set eth0 up
ip -n router link set eth0 up
# An advertisement of fd00:1::/64 goes to everybody on the link five times a second.
ip netns exec router python3 -c '
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
link = socket.if_nametoindex("eth0")
s.bind(("fe80::1", 0, 0, link))
prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 3600, 1800, 0, socket.inet_pton(socket.AF_INET6, "fd00:1::"))
while True:
    time.sleep(0.2)
    try:
        s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0, 0, link))
    except OSError:
        pass  # the link has no carrier yet
' > /dev/null 2>&1 &
timeout 3 sh -c 'until ip netns exec a grep -q "Icmp6InRouterAdvertisements[[:space:]]*[1-9]" /proc/net/snmp6; do sleep 0.1; done'
