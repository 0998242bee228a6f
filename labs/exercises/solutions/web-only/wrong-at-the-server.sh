# deserves: 0 of 7
# The firewall stands in the server.
ip netns exec server iptables -P INPUT DROP
ip netns exec server iptables -A INPUT -p tcp --dport 80 -j ACCEPT
ip netns exec server iptables -P OUTPUT DROP
ip netns exec server iptables -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
