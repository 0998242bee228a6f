# With an address and times of its own.
ip link add sw0 address 02:00:00:00:00:99 type bridge stp_state 0 ageing_time 3000
for port in blue green red; do ip link set dev to-$port up master sw0; done
ip link set sw0 up
iptables -P FORWARD ACCEPT
