# Any name will do, and a tree of bridges without loops as well.
ip link add lan0 type bridge forward_delay 0
ip link set dev lan0 type bridge stp_state 0
ip link set to-red master lan0 up
ip link set to-blue master lan0 up
ip link set to-green master lan0 up
ip link set lan0 up
