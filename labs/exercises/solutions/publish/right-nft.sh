# In nft's words, and for the host itself as well.
nft -f - <<END
table ip nat {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan" tcp dport {port} dnat to 172.17.0.2:80
    }
    chain output {
        type nat hook output priority -100; policy accept;
        ip daddr 203.0.113.2 tcp dport {port} dnat to 172.17.0.2:80
    }
}
END
