# deserves: 0 of 7
# An exception for pings and high ports.
iptables -A FORWARD -i v-net-0 -o v-net-0 -p icmp -j ACCEPT
iptables -A FORWARD -i v-net-0 -o v-net-0 -p tcp --dport 60000:65535 -j ACCEPT
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
