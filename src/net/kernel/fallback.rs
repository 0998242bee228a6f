//! The fallback devices: links that the kernel creates by itself in each
//! namespace.
//!
//! Each tunnel module has one or two devices for packets that belong to no
//! configured tunnel. They are created with a namespace. If a module is loaded
//! later, its devices appear in all existing namespaces, even if somebody else
//! on the machine has made a tunnel. They can't be deleted, and
//! `net.core.fb_tunnels_only_for_init_net` belongs to the machine, not to us. So
//! the tables of a lab would differ wherever somebody uses tunnels. Therefore a
//! fallback device is not part of the lab while the lab does not use it:
//!
//! - it is down,
//! - it has no address,
//! - it is no port, and no other link is stacked on it,
//! - and no action of the lab has named it.
//!
//! A device that is down has no routes and no neighbours, and passes no packet.
//!
//! They are recognized by name and kind, which are fixed in the kernel's source.
//! A throwaway namespace would cost each lab time, and would show only the
//! modules loaded by then. If the kernel makes no fallback devices, a lab can
//! choose such a name for a link of that kind. The link then counts as the lab's
//! by the last rule, or once it is up.

use super::access::Kernel;
use super::links::LinkBrief;
use crate::net::{NetError, Netns};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use std::collections::BTreeSet;

/// The number of kinds.
pub(in crate::net) const KINDS: usize = 9;

/// The name and kind of every device that depends on the kernel's
/// `net_has_fallback_tunnels()`.
const FALLBACK: [(&str, &str); KINDS] = [
    ("erspan0", "erspan"),
    ("gre0", "gre"),
    ("gretap0", "gretap"),
    ("ip6_vti0", "vti6"),
    ("ip6gre0", "ip6gre"),
    ("ip6tnl0", "ip6tnl"),
    ("ip_vti0", "vti"),
    ("sit0", "sit"),
    ("tunl0", "ipip"),
];

/// The first index that is chosen for a link of a lab. The kernel gives fallback
/// devices, and links that programs make, the lowest index that it has not used
/// yet; so it does not reach this range.
pub(in crate::net) const FIRST_CHOSEN: u32 = 1001;

/// Tells whether a fallback device has this name.
pub(in crate::net) fn is_name(name: &str) -> bool {
    FALLBACK.iter().any(|(fallback, _)| *fallback == name)
}

/// Tells whether a link is an unchanged fallback device, as far as the link
/// itself tells.
fn is_idle(message: &LinkMessage) -> bool {
    if message.header.flags.contains(LinkFlags::Up) || message.header.index >= FIRST_CHOSEN {
        return false;
    }
    let (mut name, mut kind, mut alone) = (None, None, true);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = Some(text.as_str()),
            LinkAttribute::Controller(_) => alone = false,
            LinkAttribute::LinkInfo(infos) => {
                kind = infos.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    let Some(name) = name else { return false };
    let of_this_name = FALLBACK.iter().find(|(fallback, _)| *fallback == name);
    alone && of_this_name.is_some_and(|(_, of)| kind.is_some_and(|kind| kind.to_string() == *of))
}

impl Kernel<'_> {
    /// The links of a namespace, except unused fallback devices.
    pub(in crate::net) fn lab_links(&self, netns: &Netns) -> Result<Vec<LinkMessage>, NetError> {
        let links = self.dump_links(netns)?;
        self.without_fallback(netns, links)
    }

    /// Removes unused fallback devices from a list of links.
    pub(in crate::net) fn without_fallback(
        &self,
        netns: &Netns,
        mut links: Vec<LinkMessage>,
    ) -> Result<Vec<LinkMessage>, NetError> {
        let idle = |link: &&LinkMessage| is_idle(link) && !netns.has_named(&LinkBrief::read(link).name);
        let mut idle: BTreeSet<u32> = links.iter().filter(idle).map(|link| link.header.index).collect();
        if idle.is_empty() {
            return Ok(links);
        }
        for address in self.dump_addresses(netns, AddressFamily::Unspec)? {
            idle.remove(&address.header.index);
        }
        for found in links.iter().map(LinkBrief::read).filter(|found| found.other_nsid.is_none()) {
            if let Some(below) = found.other.filter(|below| *below != found.index) {
                idle.remove(&below);
            }
        }
        links.retain(|link| !idle.contains(&link.header.index));
        Ok(links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnetlink::packet_route::link::InfoKind;

    fn link(index: u32, name: &str, kind: &str, flags: LinkFlags) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        let kind = match kind {
            "sit" => InfoKind::SitTun,
            "ip6gre" => InfoKind::GreTun6,
            "erspan" => InfoKind::ErSpan,
            other => InfoKind::Other(other.into()),
        };
        message.attributes =
            vec![LinkAttribute::IfName(name.into()), LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)])];
        message
    }

    #[test]
    fn a_fallback_device_is_told_by_name_and_kind_and_what_was_done_to_it() {
        let off = LinkFlags::Noarp;
        assert!(is_idle(&link(2, "sit0", "sit", off)));
        assert!(is_idle(&link(9, "ip6gre0", "ip6gre", off)));
        assert!(is_idle(&link(6, "erspan0", "erspan", LinkFlags::Broadcast)));
        assert!(!is_idle(&link(2, "sit0", "sit", off | LinkFlags::Up)), "it is switched on");
        assert!(!is_idle(&link(2, "sit1", "sit", off)), "that is no name of one");
        assert!(!is_idle(&link(2, "sit0", "ip6gre", off)), "it has another's name");
        assert!(!is_idle(&link(FIRST_CHOSEN, "sit0", "sit", off)), "we have made it");
        let mut port = link(6, "erspan0", "erspan", LinkFlags::Broadcast);
        port.attributes.push(LinkAttribute::Controller(1001));
        assert!(!is_idle(&port), "it is a port");
    }
}
