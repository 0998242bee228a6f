# deserves: 3 of 5
# Nobody hears himself.
ip netns add red
ip netns add blue
ip netns delete green
