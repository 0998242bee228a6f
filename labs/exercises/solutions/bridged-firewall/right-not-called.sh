# The bridge does not ask iptables.
sysctl -qw net.bridge.bridge-nf-call-iptables=0
