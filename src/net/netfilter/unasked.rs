//! Connections that the kernel keeps track of though no rule asks it to.
//!
//! It does so in a namespace from the first rule on that wants to know of
//! connections. But where the module openvswitch is loaded, Linux 6.1 does so in
//! each namespace from its birth (`nf_conncount_init` calls `nf_ct_netns_get`),
//! as any kernel with nf_conntrack's `enable_hooks` does. A lab would remember more there than elsewhere. So what is tracked without a rule
//! is in no table, and is forgotten when the first rule comes: then the
//! kernel remembers what it does on any machine.
//!
//! That fragments are put together where connections are tracked, before a rule
//! of iptables or nft sees them, can't be mended from outside.

use super::super::{NetError, Netns, Network};
use super::ruleset::spoken;
use super::wire::{Attributes, Message, Subsystem};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use std::net::UdpSocket;

/// `IPCTNL_MSG_CT_DELETE` of the kernel: all, where none is named.
const DELETE: u16 = 2;

/// What rules that ask for connections say, in nft's words or iptables'.
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

impl Network {
    /// Makes ready for a first rule: forgets the connections that were tracked
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
            // Who can't has the more of them.
            let _ = self.netfilter(netns)?.request(&all);
        }
        Ok(())
    }

    /// Tells whether connections are tracked though nobody asks.
    pub(super) fn is_tracked_unasked(&self, netns: &Netns) -> Result<bool, NetError> {
        // Mostly, there is none.
        let counted = self.read_sysctls(netns, "net.netfilter", ["nf_conntrack_count"].into_iter());
        let some = counted.first().is_some_and(|count| count.as_deref().is_some_and(|count| count != "0"));
        Ok(some && self.tracks_from_birth() && !self.asks_to_track(netns)?)
    }

    /// Tells whether this kernel keeps track of connections in a namespace
    /// without a rule.
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

    /// Tells whether a rule, or a switch, wants to know of connections.
    fn asks_to_track(&self, netns: &Netns) -> Result<bool, NetError> {
        // Open vSwitch has rules of its own, which may.
        if self.dump_links(netns)?.iter().any(is_openvswitch) {
            return Ok(true);
        }
        let socket = self.netfilter(netns)?;
        let asks = |words: &str| ASK.iter().any(|ask| words.contains(ask));
        let chains = spoken(&socket, || self.interfaces(netns))?;
        if chains.iter().any(|(chain, rules)| chain.is_nat() || rules.iter().any(|rule| asks(&rule.words))) {
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
