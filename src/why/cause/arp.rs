//! Sysctls by which an interface does not answer an ARP question for an address that its
//! namespace has.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{RouteQuestion, conf_key};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network};
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// An ARP question that nobody has answered.
struct Question<'a> {
    evidence: &'a Evidence<'a>,
    /// The address that asks.
    sender: Option<IpAddr>,
    wanted: IpAddr,
}

/// Suspects the interfaces that got the question.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Gate::Resolve { asker, dev, wanted } = &evidence.gate else { return Vec::new() };
    let Some(space) = evidence.survey.space(asker) else { return Vec::new() };
    let Some(link) = space.link(dev).filter(|_| wanted.is_ipv4()) else { return Vec::new() };
    let own = space.addrs.iter().find(|addr| addr.index == link.index && addr.ip.is_ipv4());
    let has = |ip: &IpAddr| space.addrs.iter().any(|addr| addr.ip == *ip);
    let source = evidence.source().filter(|ip| *asker == evidence.probe.from && ip.is_ipv4() && has(ip));
    let sender = source.or(own.map(|addr| addr.ip));
    let question = Question { evidence, sender, wanted: *wanted };
    let near = evidence.ground.neighbours(asker, link);
    let asked = near.iter().filter(|end| end.space.addrs.iter().any(|addr| addr.ip == *wanted));
    asked.flat_map(|end| [question.ignored(end), question.filtered(end)]).flatten().collect()
}

impl Question<'_> {
    /// Suspects `arp_ignore`: its value says for which addresses an interface answers.
    fn ignored(&self, end: &End) -> Option<Suspicion> {
        let Self { sender, wanted, .. } = self;
        let (ns, dev) = (&end.space.name, &end.link.name);
        let set = set(end, "arp_ignore");
        let value = set.iter().map(|(_, value)| *value).max()?;
        let owner = end.space.addrs.iter().find(|addr| addr.ip == *wanted)?;
        let own = end.space.addrs.iter().any(|addr| addr.ip == *wanted && addr.index == end.link.index);
        let of_network = sender
            .is_none_or(|ip| end.addrs(false).any(|addr| network(addr.ip, addr.prefix_len).contains(ip)));
        let what = match value {
            1 | 2 if !own => format!("only for its own addresses, and {wanted} is on {}", owner.dev),
            2 if !of_network => "only who is in its own network".to_string(),
            3 if owner.scope == "host" => format!("not for addresses of scope host, as {wanted}"),
            8 => "not at all".to_string(),
            _ => return None,
        };
        let (key, _) = set.iter().find(|(_, one)| *one == value)?;
        let text = format!("{key}={value} in {ns}: {dev} answers ARP questions {what}");
        self.found(Cause::ArpIgnored, end, &set, text)
    }

    /// Suspects `arp_filter`: an interface answers only if it is that of the route back.
    fn filtered(&self, end: &End) -> Option<Suspicion> {
        let sender = self.sender?;
        let (ns, dev) = (&end.space.name, &end.link.name);
        let set = set(end, "arp_filter");
        let (key, value) = set.first()?;
        let question = RouteQuestion { src: Some(self.wanted), ..RouteQuestion::to(sender) };
        let back = self.evidence.kernel.route_get(ns, &question).ok();
        let by = match back.as_ref().and_then(|route| route.dev()) {
            Some(out) if out == dev => return None,
            Some(out) => format!("{ns}'s route to {sender} is by {out}"),
            None => format!("{ns} has no route to {sender}"),
        };
        let text = format!(
            "{key}={value} in {ns}: {dev} answers ARP questions only if packets to the asker go out by it, and {by}"
        );
        let mut found = self.found(Cause::ArpFiltered, end, &set, text)?;
        let look = format!("{} route get {question}", self.evidence.ip(ns));
        found.suspect.evidence.push(look);
        Some(found)
    }

    fn found(&self, id: Cause, end: &End, set: &[(String, i64)], text: String) -> Option<Suspicion> {
        let ns = &end.space.name;
        let (key, _) = set.first()?;
        let fix = set.iter().map(|(key, _)| self.evidence.sysctl(ns, key, "0")).collect();
        let mut suspect = suspect(id, format!("{ns}: {key}"), text, fix);
        suspect.evidence = vec![self.evidence.exec(ns, &format!("sysctl {key}"))];
        Some(Suspicion { rank: Tier::Here.close(), sure: false, suspect })
    }
}

/// Returns the values of a sysctl that count at an interface, unless they are 0: that for
/// all interfaces, and its own.
fn set(end: &End, name: &str) -> Vec<(String, i64)> {
    let keys = ["all", &end.link.name].map(|dev| conf_key("ipv4", dev, name));
    let values = keys.into_iter().filter_map(|key| end.space.switch(&key).map(|value| (key, value)));
    values.filter(|(_, value)| *value > 0).collect()
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::ArpIgnored,
        title: "the kernel does not answer ARP for this address (arp_ignore)",
        symptom: "`Destination Host Unreachable`: the question who has the address arrives, and nobody answers.",
        cause: "With `arp_ignore` 1 the kernel answers only for addresses of the very interface by which the question came, with 2 only to askers of the same network, with 8 never.",
        evidence: "The greater of `all` and the interface's own counts:\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_ignore",
        cure: "Answer for all:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_ignore=0",
    },
    Page {
        id: Cause::ArpFiltered,
        title: "ARP is answered only by the interface of the route back (arp_filter)",
        symptom: "`Destination Host Unreachable` where two interfaces share a network.",
        cause: "With `arp_filter=1` an interface does not answer where the kernel would send packets to the asker by another one.",
        evidence: "Is it 1, and by which interface does the route back lead?\n  ip netns exec NS sysctl net.ipv4.conf.all.arp_filter\n  ip -n NS route get ASKER",
        cure: "Let every interface answer:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.arp_filter=0",
    },
];
