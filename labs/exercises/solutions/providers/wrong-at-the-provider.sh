# deserves: 0 of 8
# Isp-1 passes on to isp-2.
ip link add x netns isp-1 type veth peer name x netns isp-2
ip -n isp-1 link set x up
ip -n isp-2 link set x up
ip -n isp-1 addr add 100.64.0.1/30 dev x
ip -n isp-2 addr add 100.64.0.2/30 dev x
ip -n isp-1 rule add pref 1 from 10.1.2.0/24 lookup 100
ip -n isp-1 route add default via 100.64.0.2 table 100
