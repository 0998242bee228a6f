//! A large bridge that is being built, and the noise of its hosts.
//!
//! Each host that comes up reports the IPv6 multicast groups that it is in
//! (RFC 3810), and a bridge without a querier floods that to all its ports:
//! for N hosts that are N² packets, which nobody asked for. So while a large
//! bridge is built and nobody looks, its ports are not flooded with multicast
//! (`mcast_flood off` of ip-link(8)); before anybody looks or sends, they are
//! again. What the bridge has learned from the reports it has learned.

use super::{Netns, Network};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoBridgePort, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo, LinkMessage,
};

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

/// `ip link set PORT type bridge_slave mcast_flood on`.
fn flood(port: u32, on: bool) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = port;
    message.attributes = vec![LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::MulticastFlood(on)])),
    ])];
    RouteNetlinkMessage::NewLink(message)
}
