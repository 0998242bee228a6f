# As fills_links.sh does, where no name leads.
unshare -n sh -c 'seq 1300 | sed "s/.*/link add many& type veth peer name more&/" | ip -batch -; sleep 5'
sleep 1
ip netns add broken-out
