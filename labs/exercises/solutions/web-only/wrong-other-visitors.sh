# deserves: 2 of 7
# Only the client that is named is held.
r="ip netns exec router iptables"
$r -P FORWARD DROP
$r -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
$r -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
$r -A FORWARD -i inside ! -s 10.1.0.2 -j ACCEPT
