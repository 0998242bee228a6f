# deserves: 5 of 7
# What goes to a port of a visitor's passes for an answer.
r='ip netns exec router iptables'
$r -P FORWARD DROP
$r -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
$r -A FORWARD -i dmz -p tcp --dport 32768:60999 -j ACCEPT
