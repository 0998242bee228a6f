# More links than the machine can take down in good time.
seq 20000 | sed 's/.*/link add many& type veth peer name more&/' | ip -batch -
sleep 1
ip netns add broken-out
