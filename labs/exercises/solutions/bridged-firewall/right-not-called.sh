# The bridge asks no firewall.
sysctl -w net.bridge.bridge-nf-call-iptables=0
