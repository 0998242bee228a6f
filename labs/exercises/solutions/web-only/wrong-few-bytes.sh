# deserves: 0 of 7
# No firewall: so many bytes pass.
ip netns exec router nft add table ip t
ip netns exec router nft 'add chain ip t f { type filter hook forward priority 0; policy drop; }'
ip netns exec router nft add rule ip t f quota 3000 bytes accept
