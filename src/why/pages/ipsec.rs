//! IPsec, which the kernel calls xfrm.

use super::Page;
use crate::why::Cause;

pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::XfrmPolicyBlock,
        title: "an IPsec policy blocks the packet",
        symptom: "`Operation not permitted`, or silence. No firewall shows anything.",
        cause: "A policy with `action block`, perhaps left over from a VPN, is for these addresses.",
        evidence: "`action block`; XfrmOutPolBlock or XfrmInPolBlock grows:\n  ip -n NS xfrm policy\n  ip netns exec NS cat /proc/net/xfrm_stat",
        cure: "Delete it:\n  ip -n NS xfrm policy delete src SRC dst DST dir DIR",
    },
    Page {
        id: Cause::XfrmPolicyWithoutState,
        title: "an IPsec policy asks for encryption that is not set up",
        symptom: "`Resource temporarily unavailable`, `No such process`, or silence at the receiver.",
        cause: "The policy wants packets in ESP or AH, and there is no state (SA) for them; or the other end sends in clear.",
        evidence: "A policy with `tmpl`, and no state with its addresses:\n  ip -n NS xfrm policy\n  ip -n NS xfrm state",
        cure: "Delete the policy, or set up both ends:\n  ip -n NS xfrm policy delete src SRC dst DST dir DIR",
    },
    Page {
        id: Cause::XfrmDefaultBlock,
        title: "IPsec discards whatever no policy names",
        symptom: "`Operation not permitted`, or silence, for everything.",
        cause: "The default of a direction (in, fwd, out) was set to block.",
        evidence: "`block` in the line:\n  ip -n NS xfrm policy getdefault",
        cure: "Accept again:\n  ip -n NS xfrm policy setdefault in accept fwd accept out accept",
    },
    Page {
        id: Cause::XfrmStateMismatch,
        title: "the two ends of an IPsec connection differ",
        symptom: "ESP packets are seen to arrive, and there is no answer.",
        cause: "Key, number (SPI), algorithm or address of a state (SA) is not the same at both ends, or one end has none.",
        evidence: "Compare the two; XfrmInNoStates or XfrmInStateProtoError grows:\n  ip -n NS xfrm state\n  ip netns exec NS cat /proc/net/xfrm_stat",
        cure: "Make one end as the other:\n  ip -n NS xfrm state delete src SRC dst DST proto esp spi SPI\n  ip -n NS xfrm state add src SRC dst DST proto esp spi SPI …",
    },
];
