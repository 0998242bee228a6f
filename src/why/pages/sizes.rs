//! Packets that are too large.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::MtuTooSmall,
        title: "the packet is larger than a link on the way takes",
        symptom: "Small pings work, large ones don't: `message too long`, `Frag needed and DF set`, `Packet too big`, or silence.",
        cause: "A link takes packets up to its MTU. A larger one is cut in pieces, which `-M do` forbids and IPv6 never does on the way; where the two ends of a cable differ, the smaller one drops it without a word.",
        evidence: "Compare the numbers behind `mtu` along the way; the header of a ping is 28 bytes, 48 in IPv6:\n  ip -n NS link show\n  ip netns exec NS ping -M do -s SIZE ADDR",
        cure: "Give all links of the way the same MTU, or send less:\n  ip -n NS link set DEV mtu 1500",
    },
    Page {
        id: Cause::RouteMtu,
        title: "a route allows only smaller packets",
        symptom: "`message too long`, or packets cut in pieces, although all links take more.",
        cause: "A route can have an MTU of its own, and `lock` forbids to learn another one.",
        evidence: "`mtu` in the route:\n  ip -n NS route get ADDR\n  ip -n NS route",
        cure: "Set the route again without it:\n  ip -n NS route replace NETWORK/LEN via GATEWAY",
    },
    Page {
        id: Cause::PmtuCached,
        title: "the kernel remembers a smaller MTU of the way",
        symptom: "`message too long`, although the narrow link was mended.",
        cause: "A router's error has told the kernel what the way takes, and it believes that for ten minutes.",
        evidence: "`cache expires … mtu …`:\n  ip -n NS route get ADDR",
        cure: "Have it forget:\n  ip -n NS route flush cache",
    },
    Page {
        id: Cause::FragmentMemory,
        title: "there is no memory to put fragments together",
        symptom: "Small pings work, large ones don't, though all links take the pieces.",
        cause: "What is larger than the MTU comes in pieces, which wait for each other; `ipfrag_high_thresh` says how much memory they may take.",
        evidence: "Is the number large enough?\n  ip netns exec NS sysctl -ar 'frag_high_thresh'",
        cure: "Allow as much as usual:\n  ip netns exec NS sysctl -w net.ipv4.ipfrag_high_thresh=4194304",
    },
];
