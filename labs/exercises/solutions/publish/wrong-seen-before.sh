# deserves: 0 of 6
# Who has come once may come no more.
iptables -t nat -A PREROUTING -i wan -p tcp -m recent --name seen --rcheck --hitcount 2 -j ACCEPT
iptables -t nat -A PREROUTING -i wan -p tcp -m recent --name seen --set -j DNAT --to-destination 172.17.0.2:80
