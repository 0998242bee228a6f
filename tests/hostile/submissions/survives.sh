# Leaves somebody behind.
ip -n red addr add 192.168.15.1/24 dev veth-red
ip -n blue addr add 192.168.15.2/24 dev veth-blue
ip -n red link set veth-red up
ip -n blue link set veth-blue up
(setsid sleep MARK &)
setsid -f sleep MARK
nohup sh -c 'trap "" TERM INT HUP; while :; do sleep MARK; done' > /dev/null 2>&1 &
perl -e 'fork and exit; setpgrp; fork and exit; exec "sleep", "MARK"'
unshare -p -f --kill-child=9 sleep MARK &
disown -a
