# deserves: 0 of 7
# Large packets do not get through.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -i inside -p tcp --dport 80 -j ACCEPT
ip netns exec router iptables -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -m length --length 0:600 -j ACCEPT
