# Who is refused is told so.
ip netns exec router iptables -A FORWARD -i inside -d 10.2.0.2 -p tcp --dport 80 -j ACCEPT
ip netns exec router iptables -A FORWARD -i dmz -o inside -p tcp --sport 80 -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip netns exec router iptables -A FORWARD -p tcp -j REJECT --reject-with tcp-reset
ip netns exec router iptables -A FORWARD -j REJECT
