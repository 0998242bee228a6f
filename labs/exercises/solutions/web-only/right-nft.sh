# In nft's words.
ip netns exec router nft -f - <<END
table ip filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established accept
    ip daddr 10.2.0.2 tcp dport 80 accept
  }
}
END
