//! Links: cables, bridges and what stands on them.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::LinkMissing,
        title: "a namespace has no interface but its loopback",
        symptom: "`Network is unreachable`, whoever is asked.",
        cause: "A new namespace has `lo` alone. The cable was never made, or was plugged in elsewhere, or went with its other end.",
        evidence: "Only `lo` is there:\n  ip -n NS link",
        cure: "Make a cable, one end here:\n  ip link add DEV netns NS type veth peer name DEV netns OTHER",
    },
    Page {
        id: Cause::CableInWrongNamespace,
        title: "the other end of the cable is in another namespace",
        symptom: "`Network is unreachable`: the one who asks has `lo` alone.",
        cause: "A veth pair has two ends, and the second one was given to a namespace that is not meant.",
        evidence: "Where is the other end (`link-netns`)?\n  ip -n NS link",
        cure: "Move it, and give it its address there, for a move takes that away:\n  ip -n OTHER link set DEV netns NS\n  ip -n NS addr add ADDR/LEN dev DEV\n  ip -n NS link set DEV up",
    },
    Page {
        id: Cause::LinkDown,
        title: "a link on the way is switched off",
        symptom: "`Network is unreachable` where the one who asks has it off, `Destination Host Unreachable` or silence where it is the other end or a bridge.",
        cause: "A new link is off, and so is one that was moved to another namespace. While a link is off, the routes through it are gone, and the other end of a veth has no carrier. A bridge and each of its ports have a switch of their own.",
        evidence: "`UP` in the brackets means switched on, `LOWER_UP` that the other end is as well, `NO-CARRIER` that it is not:\n  ip -n NS link show",
        cure: "Switch it on, each end and each bridge by itself:\n  ip -n NS link set DEV up",
    },
    Page {
        id: Cause::LoopbackDown,
        title: "lo is switched off, so that a namespace can't reach itself",
        symptom: "A namespace reaches others and not its own addresses, `localhost` among them.",
        cause: "Packets to an address of one's own go by lo, whichever interface has the address. In a new namespace lo is off.",
        evidence: "No `UP` in the brackets:\n  ip -n NS link show lo",
        cure: "Switch it on:\n  ip -n NS link set lo up",
    },
    Page {
        id: Cause::VethDeleted,
        title: "a cable is gone, because its other end was deleted",
        symptom: "`Network is unreachable`, and the interface is not there any more.",
        cause: "A veth pair is one thing with two ends. Deleting either end, or the namespace in which it is, takes both.",
        evidence: "The interface is missing:\n  ip -n NS link show",
        cure: "Lay the cable again, and give its ends their addresses:\n  ip link add A netns NS type veth peer name B netns OTHER\n  ip -n NS addr add ADDR/LEN dev A\n  ip -n NS link set A up",
    },
];
