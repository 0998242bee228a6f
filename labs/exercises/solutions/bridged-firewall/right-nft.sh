# In nft's words.
nft insert rule ip filter FORWARD iifname v-net-0 oifname v-net-0 accept
