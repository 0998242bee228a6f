# Without a memory: an answer is a segment that does not begin anything.
r='ip netns exec router iptables'
$r -P FORWARD DROP
$r -A FORWARD -i inside -p tcp -d 10.2.0.2 --dport 80 -j ACCEPT
$r -A FORWARD -i dmz -p tcp -s 10.2.0.2 --sport 80 ! --syn -j ACCEPT
