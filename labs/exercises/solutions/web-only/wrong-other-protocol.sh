# deserves: 4 of 7
# A protocol of which nobody thinks passes.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
ip netns exec router iptables -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -i inside -p gre -j ACCEPT
