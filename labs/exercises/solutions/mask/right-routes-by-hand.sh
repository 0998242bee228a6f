# The mask makes a route, which can also be made by hand.
ip -n red route add {lan}.0/24 dev veth-red
ip -n blue route add {lan}.0/25 dev veth-blue
ip -n blue route add {lan}.128/25 dev veth-blue
