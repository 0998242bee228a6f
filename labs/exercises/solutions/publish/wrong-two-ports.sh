# deserves: 4 of 6
# The page is at port 80 of the host as well.
iptables -t nat -A PREROUTING -p tcp -m multiport --dports 80,{port} -j DNAT --to-destination 172.17.0.2:80
