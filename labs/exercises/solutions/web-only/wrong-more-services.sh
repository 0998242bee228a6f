# deserves: 4 of 7
# Other services are open as well.
r='ip netns exec router iptables'
$r -P FORWARD DROP
$r -A FORWARD -i inside -p tcp -d 10.2.0.2 -m multiport --dports 80,443 -j ACCEPT
$r -A FORWARD -i dmz -m conntrack --ctstate ESTABLISHED -j ACCEPT
