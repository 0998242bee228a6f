//! Neighbours: who has which hardware address, and who says so.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: "arp-ignored",
        title: "the kernel does not answer ARP for this address (arp_ignore)",
        symptom: "`Destination Host Unreachable`: the question who has the address arrives, and nobody answers.",
        cause: "With `arp_ignore` 1 the kernel answers only for addresses of the very interface by which the question came, with 2 only to askers of the same network, with 8 never.",
        evidence: "The greater of `all` and the interface's own counts:\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_ignore",
        cure: "Answer for all:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_ignore=0",
    },
    Page {
        id: "arp-filtered",
        title: "ARP is answered only by the interface of the route back (arp_filter)",
        symptom: "`Destination Host Unreachable` where two interfaces share a network.",
        cause: "With `arp_filter=1` an interface does not answer where the kernel would send packets to the asker by another one.",
        evidence: "Is it 1, and by which interface does the route back lead?\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_filter\n  ip -n NS route get ASKER",
        cure: "Let every interface answer:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_filter=0",
    },
    Page {
        id: "arp-announce",
        title: "ARP is asked with another address than the packet's (arp_announce)",
        symptom: "The question who has an address goes out with an unexpected sender, and is not answered.",
        cause: "With `arp_announce` 1 or 2 the kernel chooses the sender by the interface, not by the packet. Who does not know that sender does not answer.",
        evidence: "The address behind `tell`:\n  ip netns exec NS tcpdump -ni DEV arp\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_announce",
        cure: "Ask with the packet's own address:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_announce=0",
    },
    Page {
        id: "l2-multicast-unicast-dropped",
        title: "packets to one in frames to all are dropped",
        symptom: "The request arrives in a broadcast frame, and there is no answer.",
        cause: "With `drop_unicast_in_l2_multicast=1` a packet to a single address is dropped where its frame was sent to everybody.",
        evidence: "Is it 1?\n  ip netns exec NS sysctl net.ipv4.conf.all.drop_unicast_in_l2_multicast",
        cure: "Take them:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.drop_unicast_in_l2_multicast=0",
    },
];
