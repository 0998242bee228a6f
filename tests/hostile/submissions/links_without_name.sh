# As fills_links.sh does, where no name leads; beside others it may take a while.
unshare -n sh -c 'seq 1300 | sed "s/.*/link add many& type veth peer name more&/" | ip -batch -; sleep 60' &
wait
ip netns add broken-out
