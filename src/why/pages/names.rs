//! Names: resolv.conf, hosts, nsswitch.conf and servers.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::NameDnsNotAsked,
        title: "nsswitch.conf does not ask DNS",
        symptom: "`Name or service not known` at once, and no packet is sent.",
        cause: "The line `hosts:` says who is asked, in which order. Without `dns` no server is.",
        evidence: "The line, as the namespace sees it:\n  ip netns exec NS grep hosts: /etc/nsswitch.conf",
        cure: "Say that servers are asked after the files:\n  sed -i 's/^hosts:.*/hosts: files dns/' /etc/netns/NS/nsswitch.conf",
    },
    Page {
        id: Cause::NameHostsWrong,
        title: "a wrong line in the hosts file",
        symptom: "The name stands for an address that is not its own, or is not known for a slip.",
        cause: "The hosts file comes before the servers: what is stale in it wins.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Correct the line:\n  sed -i 's/WRONG/RIGHT/' /etc/netns/NS/hosts",
    },
    Page {
        id: Cause::NameNoResolvConf,
        title: "the namespace has no resolv.conf of its own",
        symptom: "`Temporary failure in name resolution`.",
        cause: "Without /etc/netns/NS/resolv.conf the host's file is read. A server on 127.0.0.53 there is the host's, and not to be reached from a namespace.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Give it one:\n  mkdir -p /etc/netns/NS\n  echo 'nameserver ADDRESS' > /etc/netns/NS/resolv.conf",
    },
    Page {
        id: Cause::NameRecordWrong,
        title: "the server's record is wrong",
        symptom: "The name stands for an address that is not its own.",
        cause: "The server says what its zone has: a record that nobody corrected.",
        evidence: "What the server says:\n  ip netns exec NS dig @SERVER NAME",
        cure: "Correct the record at the server, and start it again:\n  ip netns exec SERVER dnsmasq --host-record=NAME,ADDRESS",
    },
    Page {
        id: Cause::NameSearchMissing,
        title: "no search domain for a short name",
        symptom: "`Name or service not known` for the short name; the whole name works.",
        cause: "A short name is tried with each domain of the line `search` behind it.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Add the domain:\n  echo 'search DOMAIN' >> /etc/netns/NS/resolv.conf",
    },
    Page {
        id: Cause::NameServerNotRunning,
        title: "no DNS server runs there",
        symptom: "`Temporary failure in name resolution`, after a while or at once.",
        cause: "Nobody listens on UDP port 53 of the address in resolv.conf.",
        evidence: "No line for port 53:\n  ip netns exec SERVER ss -ulnp",
        cure: "Start a server there, or have the name in the hosts file for the time being:\n  echo 'ADDRESS NAME' >> /etc/netns/NS/hosts",
    },
    Page {
        id: Cause::NameServerWrong,
        title: "resolv.conf names a server that is none",
        symptom: "`Temporary failure in name resolution`.",
        cause: "The address behind `nameserver` has a slip, or is another host's.",
        evidence: "What does the namespace read, and what does it find?\n  ip netns exec NS cat /etc/resolv.conf /etc/hosts\n  ip netns exec NS getent hosts NAME",
        cure: "Correct it:\n  sed -i 's/WRONG/RIGHT/' /etc/netns/NS/resolv.conf",
    },
    Page {
        id: Cause::NameUnknown,
        title: "nobody knows the name",
        symptom: "`Name or service not known`, said by a server that answers; `Temporary failure in name resolution` where there is none to ask.",
        cause: "The name is in no hosts file, and no server has a record of it: it is missing, or the name has a slip.",
        evidence: "What the files and the server say:\n  ip netns exec NS getent hosts NAME\n  ip netns exec NS dig @SERVER NAME",
        cure: "Ask for the name that there is, write it down, or add the record at the server:\n  echo 'ADDRESS NAME' >> /etc/netns/NS/hosts\n  ip netns exec SERVER dnsmasq --host-record=NAME,ADDRESS",
    },
];
