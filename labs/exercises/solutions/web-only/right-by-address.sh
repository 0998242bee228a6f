# By addresses, and one rule for what is known.
for chain in INPUT FORWARD; do ip netns exec router iptables -A $chain -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; done
ip netns exec router iptables -A FORWARD -s 10.1.0.0/24 -d 10.2.0.2 -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
ip netns exec router iptables -A FORWARD -j DROP
