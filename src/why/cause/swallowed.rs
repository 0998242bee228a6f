//! Target addresses that a namespace takes for its own or for a broadcast address.

use super::page::Page;
use super::route::About;
use super::{Suspicion, suspect};
use crate::net::survey::Route;
use crate::why::Cause;
use crate::why::evidence::ground::{Crossing, network};

impl About<'_> {
    /// Suspects an address on a loopback whose mask makes the target local.
    pub(super) fn swallowed(&self, route: &Route) -> Option<Suspicion> {
        let Self { evidence, space, flow, .. } = self;
        let held = space
            .addrs
            .iter()
            .find(|addr| network(addr.ip, addr.prefix_len) == network(route.dst.ip, route.dst.len));
        let Some(addr) = held else { return self.claimed(route) };
        if route.dst.len >= if flow.dst.is_ipv6() { 128 } else { 32 } {
            return None;
        }
        let (most, ip) = (if addr.ip.is_ipv6() { 128 } else { 32 }, evidence.ip(&space.name));
        let text = format!(
            "{} has {}/{} on {}: on a loopback that makes all of {} its own, {} included; an address alone is a /{most}",
            space.name, addr.ip, addr.prefix_len, addr.dev, route.dst, flow.dst
        );
        let fix = vec![
            format!("{ip} addr del {}/{} dev {}", addr.ip, addr.prefix_len, addr.dev),
            format!("{ip} addr add {}/{most} dev {}", addr.ip, addr.dev),
        ];
        Some(Suspicion {
            rank: self.tier.exact(),
            sure: true,
            suspect: suspect(Cause::SubnetOnLoopback, format!("{}: {}", space.name, addr.dev), text, fix),
        })
    }

    /// Suspects a local route that was added by hand, without an address.
    fn claimed(&self, route: &Route) -> Option<Suspicion> {
        let Self { evidence, space, flow, .. } = self;
        if route.protocol == "kernel" {
            return None;
        }
        let text = format!(
            "{} has a local route to {} on {}: it takes all of that for its own, {} included, and has no such address",
            space.name,
            route.dst,
            route.dev().unwrap_or("lo"),
            flow.dst
        );
        let mut suspect = suspect(
            Cause::SubnetOnLoopback,
            format!("{}: {}", space.name, route.dst),
            text,
            vec![self.delete(route)],
        );
        suspect.evidence = vec![format!("{} route show table local", evidence.ip(&space.name))];
        Some(Suspicion { rank: self.tier.exact(), sure: true, suspect })
    }

    /// Suspects a mask by which the target is a broadcast address.
    pub(super) fn broadcast(&self, route: &Route, step: Crossing) -> Option<Suspicion> {
        let Self { evidence, space, flow, .. } = self;
        if evidence.probe.broadcast {
            return None;
        }
        let addr = space
            .addrs
            .iter()
            .find(|addr| addr.cast() == Some(flow.dst) && Some(addr.dev.as_str()) == route.dev())?;
        let theirs = step.into.addrs(false).find(|theirs| theirs.ip == flow.dst)?;
        let ip = evidence.ip(&space.name);
        let text = format!(
            "{} has {}/{} on {}: by that mask {} is the broadcast address of its network, and {} has it with a /{}",
            space.name, addr.ip, addr.prefix_len, addr.dev, flow.dst, step.into.space.name, theirs.prefix_len
        );
        let fix = vec![
            format!("{ip} addr del {}/{} dev {}", addr.ip, addr.prefix_len, addr.dev),
            format!("{ip} addr add {}/{} dev {}", addr.ip, theirs.prefix_len, addr.dev),
        ];
        Some(Suspicion {
            rank: self.tier.exact(),
            sure: false,
            suspect: suspect(Cause::NetmaskMismatch, format!("{}: {}", space.name, addr.dev), text, fix),
        })
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::SubnetOnLoopback,
    title: "a whole network on lo takes the packets of others",
    symptom: "It answers although nobody else has the address, or never leaves the namespace.",
    cause: "All addresses of a network that is given to lo are one's own, not only the one that was typed.",
    evidence: "`local` and `dev lo`:\n  ip -n NS route get ADDR\n  ip -n NS addr show dev lo",
    cure: "Give lo the single address, /32 or /128:\n  ip -n NS addr del ADDR/LEN dev lo\n  ip -n NS addr add ADDR/32 dev lo",
}];
