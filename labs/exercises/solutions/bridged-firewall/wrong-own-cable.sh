# deserves: 0 of 7
# Red and blue have a cable of their own.
ip link add mine netns red type veth peer name mine netns blue
ip -n red link set mine up
ip -n blue link set mine up
ip -n red route add {site}.15.250 dev mine
ip -n blue route add {site}.15.1 dev mine
