# Two macvlans of mode vepa need a switch that sends frames back, and hairpin is off on the port of the switch.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip netns add switch
ip link add base type veth peer name port netns switch
ip -n switch link add br0 type bridge
ip -n switch link set port master br0
ip -n switch link set br0 up
ip -n switch link set port up
ip link set base up
ip link add mv0 link base netns a type macvlan mode vepa
ip link add mv0 link base netns b type macvlan mode vepa
ip -n a addr add 10.0.0.1/24 dev mv0
ip -n b addr add 10.0.0.2/24 dev mv0
ip -n a link set mv0 up
ip -n b link set mv0 up
