//! Suppresses the multicast flooding of a large bridge while it is being built.
//!
//! Each host that comes up reports its IPv6 multicast groups (RFC 3810), and a
//! bridge without a querier floods that to all its ports: for N hosts that is N²
//! packets that nobody needs. So while a large bridge is built and nobody
//! observes it, multicast is not flooded to its ports (`mcast_flood off` of
//! ip-link(8)). Flooding is restored before anybody observes or sends. The
//! bridge keeps the groups that it has learned from the reports.

use crate::net::Netns;
use crate::net::kernel::Kernel;
use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkProtoInfoBridge};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

/// The number of ports up to which flooding stays on: for fewer, the two
/// requests per port cost more than they save.
const MANY: usize = 32;

impl Kernel<'_> {
    /// Records a new port. Turns its flooding off if many ports came before it
    /// and nobody observes.
    pub(in crate::net) fn hush(&self, netns: &Netns, port: u32) {
        if self.is_observed() || !self.captures.borrow().is_empty() {
            return;
        }
        let mut ports = self.pending.hushed.borrow_mut();
        ports.push((netns.clone(), port));
        // The request may fail; that only costs time.
        if ports.len() > MANY {
            let _ = self.change(netns, flood(port, false), 0);
        }
    }

    /// Turns multicast flooding on again for all ports.
    pub(in crate::net) fn unhush(&self) {
        let ports = std::mem::take(&mut *self.pending.hushed.borrow_mut());
        for (netns, port) in ports.iter().skip(MANY) {
            // The port may have been deleted, or have left its bridge.
            let _ = self.change(netns, flood(*port, true), 0);
        }
    }
}

/// `bridge link set dev PORT mcast_flood on`. If this were sent as `ip link set
/// … type bridge_slave`, the kernel would treat it as a change of the link, and
/// report its groups once more.
fn flood(port: u32, on: bool) -> RouteNetlinkMessage {
    /// `IFLA_BRPORT_MCAST_FLOOD` of linux/if_link.h.
    const MCAST_FLOOD: u16 = 27;
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    message.header.index = port;
    let flood = LinkProtoInfoBridge::Other(DefaultNla::new(MCAST_FLOOD, vec![on.into()]));
    message.attributes = vec![LinkAttribute::ProtoInfoBridge(vec![flood])];
    RouteNetlinkMessage::SetLink(message)
}
