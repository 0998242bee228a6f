# Looks for a network behind the sandbox's.
broken() { ip netns add broken-out; }
test "$(ip -o link | wc -l)" = "$(unshare -n ip -o link | wc -l)" || broken
ip route add default dev lo
for address in 8.8.8.8 1.1.1.1 169.254.169.254 10.0.2.2 172.17.0.1; do
    timeout 1 ping -c 1 -W 1 $address > /dev/null && broken
    timeout 1 bash -c "exec 3<> /dev/tcp/$address/53" && broken
done
# AF_VSOCK, to the machine below this machine.
test "$(uname -m)" = x86_64 && perl -e 'exit(syscall(41, 40, 1, 0) >= 0 ? 0 : 1)' && broken
true
