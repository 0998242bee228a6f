//! Whether the kernel had no room for an answer of its own.
//!
//! Each CPU has one socket from which the kernel sends ICMP, for all namespaces
//! of the machine. What waits somewhere for a hardware address takes of its room,
//! whoever has caused it; when that is used up, no echo is answered on this CPU,
//! in any namespace. The namespace that could not answer counts it (`OutErrors` of
//! `Icmp` in /proc/net/snmp).

use super::survey::counters;
use super::{Netns, Network};

/// What is said where it was so to the end: the kernel's words for it.
pub(super) const NO_ROOM: &str = "the kernel had no room to answer (No buffer space available)";

impl Network {
    /// Tells whether an ICMP message could not be sent since it was asked last,
    /// in any namespace. The thread comes back to the namespace from which is
    /// asked.
    pub(super) fn has_icmp_unsent(&self, from: &Netns) -> bool {
        let count = |netns: &Netns| {
            let counters = self.enter(netns).map(|()| counters::snmp()).unwrap_or_default();
            counters.get("IcmpOutErrors").copied().unwrap_or_default()
        };
        let now: u64 = self.everywhere().iter().filter(|netns| !netns.is_deleted()).map(count).sum();
        let _ = self.enter(from);
        now > self.icmp_unsent.replace(now)
    }
}
