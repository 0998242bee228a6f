//! Queueing disciplines and tc filters that drop or hold packets.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Filter, Qdisc, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;

/// Suspects queueing disciplines and filters.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let way = evidence.links_on_the_way();
    for space in evidence.spaces_on_the_way() {
        let busy = |qdisc: &Qdisc| !is_plain(qdisc);
        if !space.qdiscs.iter().any(busy) && space.filters.is_empty() {
            continue;
        }
        // The counters after the probe.
        let now = evidence.kernel.survey_of(&space.name);
        for qdisc in space.qdiscs.iter().filter(|qdisc| busy(qdisc)) {
            found.extend(discipline(evidence, space, qdisc, now.as_ref()));
        }
        for filter in &space.filters {
            found.extend(stops(evidence, space, filter));
        }
    }
    let is_near = |found: &Suspicion| {
        way.iter().any(|(space, link)| found.suspect.place == format!("{}: {}", space.name, link.name))
    };
    for one in &mut found {
        if !is_near(one) {
            one.rank = one.rank.min(Tier::Odd.close());
        }
    }
    found
}

/// Tells whether a discipline only queues packets that can't be sent at once.
fn is_plain(qdisc: &Qdisc) -> bool {
    const PLAIN: [&str; 11] = [
        "noqueue",
        "pfifo_fast",
        "fq_codel",
        "fq",
        "mq",
        "noop",
        "clsact",
        "ingress",
        "codel",
        "cake",
        "sfq",
    ];
    PLAIN.contains(&qdisc.kind.as_str())
}

/// Suspects a discipline that drops or delays packets.
fn discipline(evidence: &Evidence, space: &Space, qdisc: &Qdisc, now: Option<&Space>) -> Option<Suspicion> {
    let link = space.link_at(qdisc.index)?;
    let headers = if evidence.shot.target.is_some_and(|dst| dst.is_ipv6()) { 48 } else { 28 };
    // The frame of the probe. An ARP request is not larger: it has 42 bytes.
    let frame = 14 + headers + u64::from(evidence.probe.size.unwrap_or(56));
    let after = now.and_then(|now| {
        now.qdiscs.iter().find(|other| {
            other.index == qdisc.index && other.handle == qdisc.handle && other.class == qdisc.class
        })
    });
    let lost = after.map_or(0, |after| after.drops.saturating_sub(qdisc.drops));
    let waits = after.map_or(0, |after| after.qlen);
    let kind = qdisc.kind.as_str();
    let words = {
        let mut words = kind.to_string();
        if let Some(rate) = qdisc.rate {
            words += &format!(" rate {}bit", rate * 8);
        }
        if let Some(burst) = qdisc.burst {
            words += &format!(" burst {burst}");
        }
        if let Some(limit) = qdisc.limit {
            words += &format!(" limit {limit}");
        }
        if let Some(loss) = qdisc.loss.filter(|loss| *loss > 0.0) {
            words += &format!(" loss {:.0}%", loss * 100.0);
        }
        words
    };
    let leafless = matches!(kind, "drr" | "qfq" | "hfsc" | "ets")
        && !space.filters.iter().any(|filter| filter.dev == qdisc.dev);
    let sized = |limit: u64| limit < frame;
    let why = match kind {
        "blackhole" => "drops every packet".to_string(),
        "plug" => "holds every packet until it is released".into(),
        "tbf" if qdisc.burst.is_some_and(sized) || qdisc.limit.is_some_and(|limit| sized(limit.into())) => {
            format!("has room for fewer bytes than a frame has ({frame}): each one is too large and dropped")
        }
        "bfifo" if qdisc.limit.is_some_and(|limit| sized(limit.into())) => {
            format!("may hold fewer bytes than a frame has ({frame}), so each one is dropped")
        }
        "pfifo" | "pfifo_head_drop" if qdisc.limit == Some(0) => "may hold no packet".into(),
        "netem" if qdisc.loss.is_some_and(|loss| loss > 0.0) => "loses packets on purpose".into(),
        "netem" if qdisc.delay.is_some_and(|delay| delay > 500_000) => "delays packets on purpose".into(),
        _ if leafless => "drops packets that no filter puts into a class, and there is no filter".into(),
        _ if lost > 0 => format!("has dropped {lost} packets of this attempt"),
        _ if waits > 0 => format!("holds {waits} packets back: it is too slow"),
        _ => return None,
    };
    let at = match qdisc.parent.as_str() {
        "root" | "" => "root".to_string(),
        parent => format!("parent {parent}"),
    };
    let at = if qdisc.class { "root".to_string() } else { at };
    let tool = evidence.tool("tc", &space.name);
    let fix = vec![format!("{tool} qdisc del dev {} {at}", qdisc.dev)];
    let text = format!("the queueing discipline of {} in {} ({words}) {why}", qdisc.dev, space.name);
    let mut suspect = suspect(Cause::QdiscDrops, format!("{}: {}", space.name, qdisc.dev), text, fix);
    suspect.evidence = vec![format!("{tool} -s qdisc show dev {}", qdisc.dev)];
    let base =
        if lost > 0 || waits > 0 { Tier::Named.plain() } else { evidence.tier_at(&space.name, link).close() };
    Some(Suspicion { rank: base, sure: false, suspect })
}

/// Suspects a filter that does more than let packets pass.
fn stops(evidence: &Evidence, space: &Space, filter: &Filter) -> Option<Suspicion> {
    let link = space.link(&filter.dev)?;
    let does = |word: &str| filter.actions.iter().any(|action| action.contains(word));
    let v6 = evidence.shot.target.is_some_and(|dst| dst.is_ipv6());
    let concerns = match filter.protocol.as_str() {
        "ip" | "arp" => !v6,
        "ipv6" => v6,
        "all" => true,
        _ => false,
    };
    let why = if does("drop") || does("shot") {
        "drops"
    } else if does("redirect") || does("stolen") {
        "sends elsewhere"
    } else if filter
        .actions
        .iter()
        .all(|action| matches!(action.as_str(), "pass" | "mirror" | "continue" | "pipe" | "reclassify"))
        && filter.kind != "bpf"
    {
        return None;
    } else {
        "changes"
    };
    let tool = evidence.tool("tc", &space.name);
    let what = match filter.matches.is_empty() {
        true => format!("every packet ({})", filter.protocol),
        false => format!("packets ({}) that match {}", filter.protocol, filter.matches.join(", ")),
    };
    let text = format!(
        "a tc filter ({} on {} of {} in {}) {why} {what}: {}",
        filter.kind,
        filter.hook,
        filter.dev,
        space.name,
        filter.actions.join(", ")
    );
    let fix = vec![format!("{tool} {}", filter.deletion())];
    let mut suspect = suspect(Cause::TcFilter, format!("{}: {}", space.name, filter.dev), text, fix);
    suspect.evidence = vec![format!("{tool} -s filter show dev {} {}", filter.dev, filter.hook)];
    let base = match why {
        "changes" => Tier::Odd.plain(),
        _ if !concerns => Tier::Odd.plain(),
        _ => evidence.tier_at(&space.name, link).close(),
    };
    Some(Suspicion { rank: base, sure: false, suspect })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::QdiscDrops,
        title: "a queueing discipline swallows the packet",
        symptom: "No answer, or answers late: the packet never leaves the interface.",
        cause: "A limit or burst smaller than a frame, a rate near nothing, a loss on purpose, or a class without a filter drops or holds packets.",
        evidence: "What has it dropped?\n  tc -n NS -s qdisc show dev eth0",
        cure: "Remove it, or give it room:\n  tc -n NS qdisc del dev eth0 root",
    },
    Page {
        id: Cause::TcFilter,
        title: "a tc filter drops the packet",
        symptom: "The packet reaches an interface and goes no further, and no firewall counts it.",
        cause: "A filter with the action drop, or a police without rate, stops packets before the firewall on the way in, after it on the way out.",
        evidence: "What do they match and do?\n  tc -n NS -s filter show dev eth0 ingress\n  tc -n NS -s filter show dev eth0 egress",
        cure: "Delete it:\n  tc -n NS filter del dev eth0 ingress pref 49152",
    },
];
