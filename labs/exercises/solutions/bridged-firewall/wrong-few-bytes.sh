# deserves: 0 of 7
# So many bytes may pass, whoever sends them.
nft add rule ip filter FORWARD quota 900 bytes accept
