//! Finds what, besides routes, affects a namespace's packets.

use crate::net::survey::{Address, Route, Space, XfrmSelector, is_prompt};
use crate::net::{FirewallRule, FirewallSnapshot, NetError, Netns, Network};
use std::net::IpAddr;

/// Targets after which a packet continues unchanged.
const HARMLESS: [&str; 5] = ["accept", "return", "log", "jump", "goto"];

/// Words of nft statements that change or redirect a packet without a verdict,
/// and the bracket around an unsupported statement.
const CHANGES: [&str; 6] = [" set ", "dup ", "fwd ", "notrack", "synproxy", "["];

impl Network {
    /// Returns the first thing besides routes and rules that changes, stops,
    /// delays or redirects packets in a namespace, in words.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn obstacle(&self, netns: &Netns) -> Result<Option<String>, NetError> {
        let kernel = self.look()?;
        let space = kernel.survey_ways_of(netns)?;
        let firewall = self.firewall_recount(netns, &FirewallSnapshot::default())?;
        let rule = firewall.rules.iter().find(|rule| !is_harmless(rule)).map(|rule| {
            let words = rule.words.as_ref().unwrap_or(&rule.spec);
            let what = if rule.policy { "the policy" } else { "a rule" };
            format!("{what} of {} {} {} says `{words}`", rule.family, rule.table, rule.chain)
        });
        let kinds = [taken_in, queued, protected, special, expiring];
        Ok(rule.or_else(|| kinds.iter().find_map(|kind| kind(&space))))
    }
}

fn is_harmless(rule: &FirewallRule) -> bool {
    let target = rule.target.to_lowercase();
    let target = target.split(' ').next().unwrap_or_default();
    let words = rule.words.as_ref().unwrap_or(&rule.spec);
    match rule.policy {
        true => rule.spec.to_lowercase().contains("accept") || target == "accept",
        false if target.is_empty() => !CHANGES.iter().any(|word| words.contains(word)),
        false => HARMLESS.contains(&target),
    }
}

/// A network whose addresses the namespace treats as its own.
fn taken_in(space: &Space) -> Option<String> {
    const LOCAL: u32 = 255;
    let route = space.routes.iter().filter(|route| route.table == LOCAL).find(|route| {
        let IpAddr::V4(ip) = route.dst.ip else { return false };
        let single = route.dst.len == 32 || ip.is_loopback();
        route.protocol != "kernel" || (route.kind == "local" && !single)
    })?;
    Some(format!("the table `local` has a {} route to {}", route.kind, route.dst))
}

fn queued(space: &Space) -> Option<String> {
    let filter = space.filters.first().map(|filter| format!("there is a tc filter on {}", filter.dev));
    let queue = space.qdiscs.iter().find(|qdisc| !qdisc.class && !is_prompt(&qdisc.kind));
    let queue = queue.map(|qdisc| format!("there is a tc qdisc {} on {}", qdisc.kind, qdisc.dev));
    let xdp = space.links.iter().find(|link| link.xdp);
    filter.or(queue).or(xdp.map(|link| format!("there is an XDP program on {}", link.name)))
}

/// The first IPsec policy: it stops packets, or encapsulates them.
fn protected(space: &Space) -> Option<String> {
    let policy = space.policies.first().map(|policy| {
        let XfrmSelector { src, dst, .. } = &policy.selector;
        format!("there is an IPsec policy ({}) from {src} to {dst}", policy.dir)
    });
    let blocks = space.xfrm_blocks.contains(&true);
    policy.or(blocks.then(|| "IPsec stops what no policy lets pass (`ip xfrm policy getdefault`)".into()))
}

/// A route that is for some packets only, or that encapsulates them: the
/// comparison of routes handles neither.
fn special(space: &Space) -> Option<String> {
    space.routes.iter().find_map(|route| match route {
        Route { tos: tos @ 1.., dst, .. } => {
            Some(format!("the route to {dst} is for packets of the type of service {tos:#x} alone"))
        }
        Route { encapsulates: true, dst, .. } => {
            Some(format!("the route to {dst} puts packets into others (`encap`)"))
        }
        _ => None,
    })
}

/// The first address that the kernel will remove by itself, with its routes.
fn expiring(space: &Space) -> Option<String> {
    space.addrs.iter().find_map(|addr| {
        let Address { ip, prefix_len, dev, valid_lft, .. } = addr;
        valid_lft.map(|left| format!("the address {ip}/{prefix_len} of {dev} is valid for {left} s more"))
    })
}
