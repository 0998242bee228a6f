# In nft's words.
ip netns exec router nft -f - <<END
table inet filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established accept
        iifname "inside" ip daddr 10.2.0.2 tcp dport http accept
    }
}
END
