# deserves: 4 of 7
# A thousand other ports are open.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
ip netns exec router iptables -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -i inside -p tcp --dport 20000:20999 -j ACCEPT
