# deserves: 4 of 7
# Everything may pass, and the queue to outside lets nothing through.
iptables -P FORWARD ACCEPT
tc qdisc add dev wan root tbf rate 8bit burst 60b limit 100
