# deserves: 5 of 7
# The server sends what is no connection.
r="ip netns exec router iptables"
$r -P FORWARD DROP
$r -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
$r -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
$r -A FORWARD -i dmz -p udp -j ACCEPT
