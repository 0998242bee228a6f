# What is not allowed is refused aloud, and the policy stays.
r='ip netns exec router iptables'
$r -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
$r -A FORWARD -i inside -o dmz -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
$r -A FORWARD -j REJECT
