# More in the files of names than anybody wants to take over.
ip -n red addr add 192.168.15.1/24 dev veth-red
mkdir -p /etc/netns
mount -t tmpfs -o size=420m names /etc/netns
perl -e '
    my $text = "a" x (1 << 20);
    for my $number (1 .. 60) {
        mkdir "/etc/netns/n$number";
        for my $name ("hosts", "resolv.conf", "nsswitch.conf", "gai.conf") {
            open my $file, ">", "/etc/netns/n$number/$name" or exit;
            print $file $text or exit;
        }
    }'
true
