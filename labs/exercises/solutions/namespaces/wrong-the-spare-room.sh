# deserves: 2 of 5
# Green gets another name.
ip netns add red
touch /run/netns/blue
mount --bind /run/netns/green /run/netns/blue
for room in red blue; do ip -n $room link set lo up; done
