ip -n red addr add {lan}.1/24 dev veth-red
ip -n blue addr add {lan}.2/24 dev veth-blue
