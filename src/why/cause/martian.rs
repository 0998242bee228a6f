//! Packets that the kernel drops on arrival because of their source address: the reverse
//! path filter, and martians.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::SeenPacket;
use crate::net::survey::{Link, RouteQuestion, Space, conf_key};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib::unroutable;
use crate::why::evidence::fib::{self, Flow};
use crate::why::look::gate::Gate;
use std::net::IpAddr;

/// Suspects the source address that the packet has in the receiver's view.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    if evidence.shot.reached {
        return found;
    }
    let Some(arrival) = Arrival::of(evidence) else { return found };
    let question = RouteQuestion {
        src: Some(arrival.src),
        iif: Some(arrival.link.name.clone()),
        ..RouteQuestion::to(arrival.dst)
    };
    // The kernel answers this lookup with the error that it would drop the packet for.
    let answer = evidence.kernel.route_get(&arrival.space.name, &question);
    if let Some(libc::EXDEV | libc::EINVAL) = answer.err().map(|refused| refused.errno) {
        match arrival.martian(evidence) {
            Some(martian) => found.push(martian),
            None => found.extend(arrival.filtered(evidence)),
        }
    }
    for found in &mut found {
        let ip = evidence.ip(&arrival.space.name);
        found.suspect.evidence.push(format!("{ip} route get {question}"));
    }
    found
}

/// A packet, or an ARP request, that a namespace got and did not accept.
struct Arrival<'a> {
    space: &'a Space,
    link: &'a Link,
    src: IpAddr,
    dst: IpAddr,
}

impl<'a> Arrival<'a> {
    fn of(evidence: &Evidence<'a>) -> Option<Self> {
        let (space, dev, src, dst) = match &evidence.gate {
            Gate::Input | Gate::Forward => {
                let (src, dst) = evidence.stuck.ends?;
                (evidence.stuck.ns.as_str(), evidence.stuck.dev.as_deref()?, src, dst)
            }
            Gate::Resolve { asker, wanted, .. } => {
                let owners = evidence.ground.owners(*wanted);
                evidence.shot.sightings.iter().rev().find_map(|seen| match seen.packet {
                    SeenPacket::Neighbour { asks: true, sender, target }
                        if target == *wanted && !seen.out && seen.netns != *asker =>
                    {
                        let owns = owners.iter().any(|(owner, _)| owner.name == seen.netns);
                        owns.then_some((seen.netns.as_str(), seen.dev.as_str(), sender, target))
                    }
                    _ => None,
                })?
            }
            _ => return None,
        };
        let space = evidence.survey.space(space)?;
        let link = space.link(dev)?;
        (link.master.is_none() && !link.loopback && src.is_ipv4() && dst.is_ipv4()).then_some(Self {
            space,
            link,
            src,
            dst,
        })
    }

    /// Suspects the reverse path filter.
    fn filtered(&self, evidence: &Evidence) -> Vec<Suspicion> {
        let Self { space, link, src, .. } = self;
        let (ns, dev) = (&space.name, &link.name);
        let own = conf_key("ipv4", dev, "rp_filter");
        let all = "net.ipv4.conf.all.rp_filter".to_string();
        let value = |key: &String| space.switch(key).unwrap_or_default();
        // The kernel uses the larger of the two.
        let key = if value(&own) >= value(&all) { &own } else { &all };
        let mode = value(key);
        if mode == 0 || space.addrs.iter().any(|addr| addr.ip == *src) {
            return Vec::new();
        }
        let back = evidence.kernel.route_get(ns, &RouteQuestion::to(*src)).ok();
        let way = back.as_ref().and_then(|route| route.dev());
        let name = if mode == 2 { "loose" } else { "strict" };
        let why = match way {
            Some(way) => format!(
                "its way back to {src} goes out of {way}, and {key}={mode} ({name} reverse path filter) lets in only what comes by the way back"
            ),
            None => format!(
                "it has no route back to {src} at all, and {key}={mode} ({name} reverse path filter) drops what has none"
            ),
        };
        let text = format!("{ns} drops what comes from {src} in by {dev}: {why}");
        let mut found = Vec::new();
        // A wrong route is corrected before the filter is opened.
        let of_route = [Cause::WrongGateway, Cause::RouteWrongDevice];
        for mut wrong in super::route::find(evidence) {
            let here = wrong.suspect.place.split(':').next() == Some(ns.as_str());
            if here && of_route.iter().any(|cause| wrong.suspect.id == *cause) {
                wrong.suspect.text += &format!("; {text}");
                wrong.rank = Tier::Named.plain();
                found.push(wrong);
            }
        }
        found.extend(self.unmarked(evidence, &text));
        let fix = match (way, evidence.next_gateway(space, *src)) {
            (None, Some((_, gateway))) => vec![format!("{} route add {src} via {gateway}", evidence.ip(ns))],
            (None, None) => vec![evidence.sysctl(ns, &own, "0"), evidence.sysctl(ns, &all, "0")],
            // The loose mode is enough if any interface has a route back.
            (Some(_), _) => vec![evidence.sysctl(ns, &own, "2")],
        };
        let mut suspect = suspect(Cause::RpFilter, format!("{ns}: {dev}"), text, fix);
        suspect.evidence = vec![evidence.exec(ns, &format!("sysctl {all} {own}"))];
        found.push(Suspicion { rank: Tier::Named.plain(), sure: true, suspect });
        found
    }

    /// Suspects the filter of ignoring the packet's mark, which would select the table
    /// with the way back.
    fn unmarked(&self, evidence: &Evidence, text: &str) -> Option<Suspicion> {
        let Self { space, link, src, .. } = self;
        let (ns, dev) = (&space.name, &link.name);
        let key = |dev: &str| conf_key("ipv4", dev, "src_valid_mark");
        if [key("all"), key(dev)].iter().any(|key| space.switch(key) == Some(1)) {
            return None;
        }
        let rule = space.rules.iter().find(|rule| {
            let Some(mark) = rule.fwmark.filter(|mark| *mark != 0) else { return false };
            let flow = Flow { dst: *src, src: None, iif: None, mark };
            // The lookup with this mark may end at another rule, if this one says `not fwmark`.
            let way = fib::decide(space, &flow).and_then(|(_, route)| route);
            way.is_some_and(|route| route.dev() == Some(link.name.as_str()))
        })?;
        let text = format!(
            "{text}; with the mark {:#x} (rule {}) the way back is by {dev}, but the filter looks without the mark while {}=0",
            rule.fwmark.unwrap_or_default(),
            rule.pref,
            key("all")
        );
        let fix = vec![evidence.sysctl(ns, &key("all"), "1")];
        let mut suspect = suspect(Cause::RpFilter, format!("{ns}: {dev}: marks"), text, fix);
        suspect.evidence =
            vec![evidence.exec(ns, &format!("sysctl {}", key("all"))), format!("{} rule", evidence.ip(ns))];
        Some(Suspicion { rank: Tier::Named.exact(), sure: false, suspect })
    }

    /// Suspects a source or destination that is impossible on a wire (a martian).
    fn martian(&self, evidence: &Evidence) -> Option<Suspicion> {
        let Self { space, link, src, dst } = self;
        let (ns, dev) = (&space.name, &link.name);
        let place = format!("{ns}: {dev}");
        if let Some(own) = space.addrs.iter().find(|addr| addr.ip == *src) {
            // A packet that returns to its sender is the fault of the router or rule that
            // turned it round.
            if *ns == evidence.probe.from {
                return None;
            }
            let whose = evidence.ground.owners(*src);
            let whose = whose.iter().map(|(owner, _)| owner.name.as_str()).find(|name| name != ns);
            let whose = whose.map_or(String::new(), |name| format!(", which is {name}'s"));
            let text = format!(
                "{ns} has {src} itself, on {}{whose}: what comes in from outside with one's own address as its source is a martian, dropped without a word, and its ARP question is not answered",
                own.dev
            );
            let fix =
                vec![format!("{} addr del {}/{} dev {}", evidence.ip(ns), own.ip, own.prefix_len, own.dev)];
            let suspect = suspect(Cause::MartianSource, place, text, fix);
            return Some(Suspicion { rank: Tier::Named.plain(), sure: true, suspect });
        }
        let (bad, what) = match (unroutable(*src), unroutable(*dst)) {
            (Some(what), _) => (src, what),
            (None, Some(what)) => (dst, what),
            (None, None) => return None,
        };
        let id = if bad == src { Cause::MartianSource } else { Cause::MartianAddress };
        let text = format!("{ns} drops what comes in by {dev}: {bad} is {what}, a martian on a wire");
        let fix = match bad {
            IpAddr::V4(ip) if ip.is_loopback() => {
                vec![evidence.sysctl(ns, &conf_key("ipv4", dev, "route_localnet"), "1")]
            }
            _ => Vec::new(),
        };
        Some(Suspicion { rank: Tier::Named.plain(), sure: true, suspect: suspect(id, place, text, fix) })
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::MartianAddress,
        title: "the address is of a range that never goes over a wire",
        symptom: "`Network is unreachable` or `Invalid argument`, although both ends have addresses of one network.",
        cause: "0.0.0.0/8, 127.0.0.0/8 and 240.0.0.0/4 have a meaning of their own. The kernel makes no route for them, sends them to lo, or drops them as martians.",
        evidence: "Compare with the ranges:\n  ip -n NS addr show\n  ip -n NS route get ADDR",
        cure: "Give both ends addresses of a private network:\n  ip -n NS addr add 10.0.0.1/24 dev DEV",
    },
    Page {
        id: Cause::MartianSource,
        title: "a packet is dropped for its source, which can't come from outside",
        symptom: "The question who has the address arrives, and is not answered; or requests arrive, and nothing follows.",
        cause: "The one who gets it has the sender's address itself, or the source is of a range that never goes over a wire. The kernel calls such a packet a martian and drops it.",
        evidence: "The kernel says `Invalid argument` or `Invalid cross-device link`:\n  ip -n NS route get DST from SRC iif DEV\n  ip -n NS addr show to SRC",
        cure: "Take the address away from the one who has it wrongly:\n  ip -n NS addr del SRC/LEN dev DEV",
    },
    Page {
        id: Cause::RpFilter,
        title: "a packet comes by another interface than the answer would take",
        symptom: "Silence: the packet is seen at the interface and goes no further.",
        cause: "With `rp_filter=1` the kernel drops an IPv4 packet to whose source it would send by another interface; with 2, one to whose source it has no way at all. It drops ARP questions likewise.",
        evidence: "The greater of `all` and the interface's own counts; the lookup says `Invalid cross-device link`:\n  ip -n NS route get ADDR from SRC iif DEV\n  ip netns exec NS sysctl net.ipv4.conf.all.rp_filter",
        cure: "Mend the routes so that both directions agree, or switch the check off:\n  ip netns exec NS sysctl -w net.ipv4.conf.all.rp_filter=0\n  ip netns exec NS sysctl -w net.ipv4.conf.DEV.rp_filter=0",
    },
];
