# deserves: 0 of 7
# Each visitor is let in a few times.
ip netns exec router iptables -P FORWARD DROP
ip netns exec router iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -i inside -p tcp --dport 80 -m recent --name seen --update --hitcount 3 -j DROP
ip netns exec router iptables -A FORWARD -i inside -p tcp --dport 80 -m recent --name seen --set -j ACCEPT
