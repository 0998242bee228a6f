//! A large bridge that is being built, and the noise of its hosts.
//!
//! Each host that comes up reports the IPv6 multicast groups that it is in
//! (RFC 3810), and a bridge without a querier floods that to all its ports:
//! for N hosts that are N² packets, which nobody asked for. So while a large
//! bridge is built and nobody looks, its ports are not flooded with multicast
//! (`mcast_flood off` of ip-link(8)); before anybody looks or sends, they are
//! again. What the bridge has learned from the reports it has learned.

use super::{Netns, Network};
use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkProtoInfoBridge};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

/// From this many ports on: for fewer, it is not worth two requests each.
const MANY: usize = 32;

impl Network {
    /// Takes note of a new port, which is hushed where many came before it
    /// and nobody looks.
    pub(super) fn hush(&self, netns: &Netns, port: u32) {
        if self.is_observed() || !self.captures.borrow().is_empty() {
            return;
        }
        let mut ports = self.hushed.borrow_mut();
        ports.push((netns.clone(), port));
        // It may fail, and costs time then.
        if ports.len() > MANY {
            let _ = self.change(netns, flood(port, false), 0);
        }
    }

    /// Lets all ports hear again what is for many.
    pub(super) fn unhush(&self) {
        let ports = std::mem::take(&mut *self.hushed.borrow_mut());
        for (netns, port) in ports.iter().skip(MANY) {
            // It may have gone, or left its bridge.
            let _ = self.change(netns, flood(*port, true), 0);
        }
    }
}

/// `bridge link set dev PORT mcast_flood on`. As `ip link set … type
/// bridge_slave` has it, the kernel would take it for a change of the link, and
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
