# The two ends have different SPIs for what a sends to b, and b finds no IPsec state for it.
# why a 10.0.0.2
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n b addr add 10.0.0.2/24 dev eth0
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n a xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x101 mode transport auth 'hmac(sha1)' 0x0123456789abcdef0123456789abcdef01234567 enc 'cbc(aes)' 0x0123456789abcdef0123456789abcdef
ip -n b xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x102 mode transport auth 'hmac(sha1)' 0x0123456789abcdef0123456789abcdef01234567 enc 'cbc(aes)' 0x0123456789abcdef0123456789abcdef
ip -n a xfrm policy add src 10.0.0.1 dst 10.0.0.2 dir out tmpl proto esp mode transport
ip -n b xfrm policy add src 10.0.0.1 dst 10.0.0.2 dir in tmpl proto esp mode transport
