//! Handles connections that the kernel tracks although no rule needs it.
//!
//! Normally the kernel tracks the connections of a namespace only from the first
//! rule that needs them. But if the module openvswitch is loaded, Linux 6.1
//! tracks them in each namespace from its creation (`nf_conncount_init` calls
//! `nf_ct_netns_get`). Any kernel with nf_conntrack's `enable_hooks` does so as
//! well. A lab would see more connections there than elsewhere. So connections
//! that are tracked without a rule are hidden, and are deleted when the first
//! rule comes: from then on the kernel tracks the same as on any machine.
//!
//! One effect can't be undone from outside: where connections are tracked,
//! fragments are reassembled before a rule of iptables or nft sees them.

use super::ruleset::spoken;
use crate::net::kernel::Kernel;
use crate::net::kernel::nfnetlink::{Attributes, Message, Subsystem};
use crate::net::{NetError, Netns};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use std::net::UdpSocket;

/// `IPCTNL_MSG_CT_DELETE` of the kernel: deletes all, if none is named.
const DELETE: u16 = 2;

/// Words that appear in rules that need connection tracking, in nft's or
/// iptables' form.
const ASK: [&str; 12] = [
    "ct ",
    "masquerade",
    "snat",
    "dnat",
    "redirect",
    "conntrack",
    "state",
    "connmark",
    "connlimit",
    "connbytes",
    "helper",
    "synproxy",
];

impl Kernel<'_> {
    /// Prepares for a first rule: deletes the connections that were tracked
    /// without one.
    pub(super) fn forget_unasked(&self, netns: &Netns) -> Result<(), NetError> {
        if self.is_tracked_unasked(netns)? {
            let all = Message {
                subsystem: Subsystem::Conntrack,
                kind: DELETE,
                family: 0,
                flags: 0,
                attributes: Attributes::default(),
            };
            // If the deletion fails, only some extra connections remain.
            let _ = self.netfilter(netns)?.request(&all);
        }
        Ok(())
    }

    /// Tells whether connections are tracked although no rule needs it.
    pub(super) fn is_tracked_unasked(&self, netns: &Netns) -> Result<bool, NetError> {
        // Usually there are no connections.
        let counted = self.read_sysctls(netns, "net.netfilter", ["nf_conntrack_count"].into_iter());
        let some = counted.first().is_some_and(|count| count.as_deref().is_some_and(|count| count != "0"));
        Ok(some && self.tracks_from_birth() && !self.asks_to_track(netns)?)
    }

    /// Tells whether this kernel tracks connections in a namespace without a
    /// rule.
    fn tracks_from_birth(&self) -> bool {
        *self.tracks_from_birth.get_or_init(|| {
            let look = || -> Result<bool, NetError> {
                let netns = self.throwaway()?;
                let socket =
                    UdpSocket::bind("127.0.0.1:0").map_err(|error| NetError::new(error.to_string()))?;
                let sent = socket.local_addr().and_then(|own| socket.send_to(&[0], own));
                sent.map_err(|error| NetError::new(error.to_string()))?;
                let counted = self.read_sysctls(&netns, "net.netfilter", ["nf_conntrack_count"].into_iter());
                Ok(counted.first().is_some_and(|count| count.as_deref().is_some_and(|count| count != "0")))
            };
            look().unwrap_or(false)
        })
    }

    /// Tells whether a rule, or an Open vSwitch, needs connection tracking.
    fn asks_to_track(&self, netns: &Netns) -> Result<bool, NetError> {
        // Open vSwitch has flow rules of its own, which may need it.
        if self.dump_links(netns)?.iter().any(is_openvswitch) {
            return Ok(true);
        }
        let socket = self.netfilter(netns)?;
        let asks = |words: &str| ASK.iter().any(|ask| words.contains(ask));
        let chains = spoken(&socket, || self.interfaces(netns))?;
        if chains.iter().any(|(chain, rules)| chain.is_nat() || rules.iter().any(|rule| asks(&rule.words())))
        {
            return Ok(true);
        }
        Ok(super::old::rules(self, netns)?.iter().any(|rule| rule.table == "nat" || asks(&rule.spec)))
    }
}

fn is_openvswitch(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => {
            infos.contains(&LinkInfo::Kind(InfoKind::Other("openvswitch".into())))
        }
        _ => false,
    })
}
