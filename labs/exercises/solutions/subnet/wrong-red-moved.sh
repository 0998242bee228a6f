# deserves: 0 of 6
# The wrong one is mended.
ip -n red addr flush dev veth-red
ip -n red addr add $(echo "$(ip -n blue -4 -o addr show dev veth-blue | awk '{ print $4 }')" | sed 's|2/24|1/24|') dev veth-red
