//! The gate that stopped the packet.

use super::stuck::{Last, Stuck};
use crate::net::survey::{Space, Survey};
use std::net::IpAddr;

/// The stage of processing at which a packet was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) enum Gate {
    /// The sender has not sent it: because of routes, rules, the outgoing firewall, or
    /// queues.
    Send,
    /// The hardware address of the next hop is unknown, and no answer came.
    Resolve {
        /// The namespace that asks.
        asker: String,
        /// The interface that it asks by.
        dev: String,
        /// The IP address whose hardware address is wanted.
        wanted: IpAddr,
    },
    /// Between the outgoing interface and the other end of its cable.
    Wire,
    /// In a bridge, which got it through this port.
    Bridge,
    /// The frame is for another hardware address.
    Mac,
    /// In the namespace that it is for, before a program or the kernel answers.
    Input,
    /// In a namespace that has to forward it.
    Forward,
}

impl Gate {
    /// Returns the gate at the place where a packet was seen last.
    pub fn of(survey: &Survey, stuck: &Stuck) -> Self {
        match &stuck.last {
            Last::Nothing => return Self::Send,
            Last::Question { asker, dev, wanted } | Last::Answer { asker, dev, wanted } => {
                return Self::Resolve { asker: asker.clone(), dev: dev.clone(), wanted: *wanted };
            }
            Last::Packet => {}
        }
        if stuck.out {
            return Self::Wire;
        }
        let Some(space) = survey.space(&stuck.ns) else { return Self::Wire };
        let link = stuck.dev.as_ref().and_then(|dev| space.link(dev));
        if link.is_some_and(|link| link.master.is_some()) {
            return Self::Bridge;
        }
        if stuck.for_another {
            return Self::Mac;
        }
        match stuck.ends {
            Some((_, dst)) if !is_local(space, dst) => Self::Forward,
            _ => Self::Input,
        }
    }
}

/// Tells whether a namespace takes packets to an address as its own.
pub(in crate::why) fn is_local(space: &Space, ip: IpAddr) -> bool {
    let own = space.addrs.iter().any(|addr| addr.ip == ip || addr.cast() == Some(ip));
    let limited = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast() || ip.is_multicast());
    own || limited || matches!(ip, IpAddr::V6(ip) if ip.is_multicast())
}
