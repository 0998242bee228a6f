# In nft's words.
nft add table ip nat
nft 'add chain ip nat in { type nat hook prerouting priority dstnat; }'
nft add rule ip nat in iifname wan tcp dport {port} dnat to 172.17.0.2:80
