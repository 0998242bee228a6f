# The rows of `ip addr` and `ip rule`, in the place of the commands that make them.
# why host 10.71.2.10
lo               UNKNOWN        127.0.0.1/8 ::1/128
eth0             UP             10.71.1.10/24
eth1             UP             10.71.2.10/24
0:      from all lookup local
32765:  from 10.71.2.10 lookup 200
