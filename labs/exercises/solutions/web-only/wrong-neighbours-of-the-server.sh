# deserves: 4 of 7
# What is for others in the server's network passes.
r='ip netns exec router iptables'
$r -P FORWARD DROP
$r -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
$r -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
$r -A FORWARD -i inside ! -d 10.2.0.2 -j ACCEPT
