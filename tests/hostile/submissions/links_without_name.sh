# As fills_links.sh does, where no name leads; beside others it may take a while.
unshare -n sh -c 'seq 1300 | sed "s/.*/link add many& type veth peer name more&/" | ip -batch -; sleep 5' &
for second in 1 2 3 4; do sleep 1; done
ip netns add broken-out
