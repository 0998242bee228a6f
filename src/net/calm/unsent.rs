//! Detects ICMP answers that the kernel could not send for lack of buffer space.
//!
//! Each CPU has one socket from which the kernel sends ICMP for all namespaces of the
//! machine. ICMP packets that wait for ARP in any namespace use its send buffer. When
//! the buffer is full, no namespace can answer an echo on that CPU. The namespace that
//! could not answer counts it (`OutErrors` of `Icmp` in /proc/net/snmp).

use crate::net::Netns;
use crate::net::kernel::Kernel;
use crate::net::survey::counters;

/// The error if the buffer stayed full until the timeout.
pub(in crate::net) const NO_ROOM: &str = "the kernel had no room to answer (No buffer space available)";

impl Kernel<'_> {
    /// Tells whether an ICMP message could not be sent since the last call, in
    /// any namespace. The thread returns to the namespace `from`.
    pub(in crate::net) fn has_icmp_unsent(&self, from: &Netns) -> bool {
        let count = |netns: &Netns| {
            let counters = self.enter(netns).map(|()| counters::snmp()).unwrap_or_default();
            counters.get("IcmpOutErrors").copied().unwrap_or_default()
        };
        let now: u64 = self.everywhere().iter().filter(|netns| !netns.is_deleted()).map(count).sum();
        let _ = self.enter(from);
        now > self.icmp_unsent.replace(now)
    }
}
