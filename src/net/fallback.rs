//! The fallback devices: links that the kernel makes by itself in each
//! namespace.
//!
//! Each module for tunnels has a device or two that take what no tunnel with
//! two ends is for. They come with a namespace, and those of a module that is
//! loaded later come into all namespaces that are there, also because somebody
//! else on the machine has made a tunnel. They can't be deleted, and
//! `net.core.fb_tunnels_only_for_init_net` is the machine's, not ours. So a lab
//! would have other tables wherever somebody uses tunnels; they are no part of
//! it while they are of no use to it:
//!
//! - it is switched off,
//! - it has no address,
//! - it is no port, and no other link stands on it,
//! - and no act of the lab has named it.
//!
//! A device that is off has no routes and no neighbours, and passes no packet.
//!
//! They are told by name and kind, which are fixed in the kernel's source: a
//! throwaway namespace would cost each lab its time, and tell only of the
//! modules that were loaded by then. Where a lab could choose such a name for a
//! link of that kind, because the kernel makes no fallback devices, it is one
//! of the lab's by the last rule, or from when it is switched on.

use super::link::LinkBrief;
use super::{NetError, Netns, Network};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use std::collections::BTreeSet;

/// How many kinds there are.
pub(super) const KINDS: usize = 9;

/// All that ask the kernel's `net_has_fallback_tunnels()`: name and kind.
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

/// The first index that is chosen for a link of a lab. The kernel gives the
/// lowest that it has not given yet, to fallback devices and to what programs
/// make; so it does not come here.
pub(super) const FIRST_CHOSEN: u32 = 1001;

/// Tells whether a fallback device has this name.
pub(super) fn is_name(name: &str) -> bool {
    FALLBACK.iter().any(|(fallback, _)| *fallback == name)
}

/// Tells whether a link is a fallback device as the kernel makes it, as far as
/// the link itself tells.
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

impl Network {
    /// The links of a namespace, without those that are no part of the lab.
    pub(super) fn lab_links(&self, netns: &Netns) -> Result<Vec<LinkMessage>, NetError> {
        let links = self.dump_links(netns)?;
        self.without_fallback(netns, links)
    }

    /// Leaves out those that are no part of the lab.
    pub(super) fn without_fallback(
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
