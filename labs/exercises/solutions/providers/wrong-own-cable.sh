# deserves: 0 of 8
# No rule, no table: blue has a cable of its own to isp-2.
ip link add isp netns blue type veth peer name tob netns isp-2
ip -n blue addr add 100.64.0.2/30 dev isp
ip -n blue link set isp up
ip -n isp-2 addr add 100.64.0.1/30 dev tob
ip -n isp-2 link set dev tob up
ip -n blue route add 8.8.8.8 via 100.64.0.1
