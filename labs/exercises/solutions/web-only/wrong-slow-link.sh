# deserves: 0 of 7
# No firewall: the link to the server has no tokens left after one page.
ip netns exec router tc qdisc add dev dmz root tbf rate 800bit burst 440b limit 20kb
