wrong=$(ip -n blue -4 -o addr show dev veth-blue | awk '{ print $4 }')
ip -n blue addr add 10.{net}.7.2/24 dev veth-blue
ip -n blue addr del "$wrong" dev veth-blue
