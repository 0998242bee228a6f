# What comes in by the bridge and goes out by it.
iptables -I FORWARD -i v-net-0 -o v-net-0 -j ACCEPT
