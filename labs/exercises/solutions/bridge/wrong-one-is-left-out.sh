# deserves: 2 of 7
# Green is plugged into a bridge of its own.
ip link add name switch type bridge
ip link add name other type bridge
ip link set to-red master switch
ip link set to-blue master switch
ip link set to-green master other
for link in switch other to-red to-blue to-green; do ip link set $link up; done
