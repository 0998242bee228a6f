//! Neighbours: who has which hardware address, and who says so.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::ArpIgnored,
        title: "the kernel does not answer ARP for this address (arp_ignore)",
        symptom: "`Destination Host Unreachable`: the question who has the address arrives, and nobody answers.",
        cause: "With `arp_ignore` 1 the kernel answers only for addresses of the very interface by which the question came, with 2 only to askers of the same network, with 8 never.",
        evidence: "The greater of `all` and the interface's own counts:\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_ignore",
        cure: "Answer for all:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_ignore=0",
    },
    Page {
        id: Cause::ArpFiltered,
        title: "ARP is answered only by the interface of the route back (arp_filter)",
        symptom: "`Destination Host Unreachable` where two interfaces share a network.",
        cause: "With `arp_filter=1` an interface does not answer where the kernel would send packets to the asker by another one.",
        evidence: "Is it 1, and by which interface does the route back lead?\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_filter\n  ip -n NS route get ASKER",
        cure: "Let every interface answer:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_filter=0",
    },
    Page {
        id: Cause::ArpAnnounce,
        title: "ARP is asked with another address than the packet's (arp_announce)",
        symptom: "The question who has an address goes out with an unexpected sender, and is not answered.",
        cause: "With `arp_announce` 1 or 2 the kernel chooses the sender by the interface, not by the packet. Who does not know that sender does not answer.",
        evidence: "The address behind `tell`:\n  ip netns exec NS tcpdump -ni DEV arp\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_announce",
        cure: "Ask with the packet's own address:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_announce=0",
    },
    Page {
        id: Cause::L2MulticastUnicastDropped,
        title: "packets to one in frames to all are dropped",
        symptom: "The request arrives in a broadcast frame, and there is no answer.",
        cause: "With `drop_unicast_in_l2_multicast=1` a packet to a single address is dropped where its frame was sent to everybody.",
        evidence: "Is it 1?\n  ip netns exec NS sysctl net.ipv4.conf.all.drop_unicast_in_l2_multicast",
        cure: "Take them:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.drop_unicast_in_l2_multicast=0",
    },
    Page {
        id: Cause::NeighbourWrongMac,
        title: "a neighbour entry holds the wrong hardware address",
        symptom: "No answer and no error: the packet goes out, in a frame that nobody takes.",
        cause: "A permanent entry is never asked for again, so that it stays wrong, on the sender's, a router's, or the receiver's side.",
        evidence: "Compare the entry with the owner's address:\n  ip -n NS neigh\n  ip -n OTHER link show DEV",
        cure: "Delete it; the kernel asks for the right one:\n  ip -n NS neigh del ADDR dev DEV",
    },
    Page {
        id: Cause::ArpOff,
        title: "an interface neither asks nor answers (NOARP)",
        symptom: "`Destination Host Unreachable`: the question arrives, and nobody answers.",
        cause: "`arp off` has the kernel ignore ARP on that interface, in both directions.",
        evidence: "Is NOARP among the flags?\n  ip -n NS link show DEV",
        cure: "Switch it on:\n  ip -n NS link set DEV arp on",
    },
    Page {
        id: Cause::ProxyArpOff,
        title: "nobody answers in the place of an address beyond the router",
        symptom: "`Destination Host Unreachable`: the address asked for is on no interface of that wire.",
        cause: "A gateway such as 169.254.1.1, or an address that only looks near, is answered for by the router, where `proxy_arp` is on (IPv6: `proxy_ndp` and a proxy entry).",
        evidence: "Who has the address, and is the switch 1?\n  ip -n NS neigh\n  sysctl net.ipv4.conf.cali0.proxy_arp",
        cure: "Answer for it:\n  sysctl -w net.ipv4.conf.cali0.proxy_arp=1",
    },
    Page {
        id: Cause::ProxyArpSteals,
        title: "somebody else answers for an address of the same wire",
        symptom: "Now and then, or always, packets go to the wrong machine.",
        cause: "A proxy entry, or `proxy_arp` with a route elsewhere, answers questions whose right owner sits on the same wire.",
        evidence: "Who answers?\n  ip -n NS neigh show proxy\n  ip netns exec NS sysctl net.ipv4.conf.all.proxy_arp",
        cure: "Stop it:\n  ip -n NS neigh del proxy ADDR dev DEV",
    },
    Page {
        id: Cause::NetmaskTooWide,
        title: "a mask takes a far address for a near one",
        symptom: "`Destination Host Unreachable`: it asks for the hardware address of somebody beyond a router.",
        cause: "With too short a prefix the connected route covers networks behind the router, which never gets the packet.",
        evidence: "Does the route go straight out of the interface?\n  ip -n NS route get ADDR",
        cure: "Correct the mask, and name the router:\n  ip -n NS addr del 10.0.1.1/16 dev eth0\n  ip -n NS addr add 10.0.1.1/24 dev eth0\n  ip -n NS route add default via 10.0.1.254",
    },
];
