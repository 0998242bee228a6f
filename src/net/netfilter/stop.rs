//! Finds where packets were stopped, and by which rule.
//!
//! nf_tables reports its own verdicts. A stop in the legacy tables is recognized
//! by two facts together: the packet did not leave a hook, and a legacy rule or
//! policy at that hook has counted a packet.

use super::Culprit;
use super::snapshot::{FirewallRule, FirewallSnapshot};
use super::trace::{Passage, StepVerdict, TraceStep};
use super::traced::TracedPacket;

/// A packet that was stopped in a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The packet's number.
    pub id: u32,
    /// The packet's headers when it was stopped.
    pub packet: TracedPacket,
    /// The hook, if it is known.
    pub hook: Option<String>,
    /// The input interface.
    pub iif: Option<String>,
    /// The intended output interface.
    pub oif: Option<String>,
    /// The rule that stopped it. `None` if no rule did: then the kernel's
    /// connection table is full, or it can't translate an address.
    pub culprit: Option<Culprit>,
}

impl Passage {
    /// The hooks that packets did not leave. If one hook is within another, for
    /// instance when a bridge passes packets to iptables, the inner comes later.
    pub fn stopped(passages: &[Self]) -> Vec<&Self> {
        let is_stopped = |(index, one): &(usize, &Self)| {
            let same =
                |other: &&Self| (other.id, &other.family, &other.hook) == (one.id, &one.family, &one.hook);
            !one.done && passages[index + 1..].iter().find(same).is_none_or(|next| !next.done)
        };
        passages.iter().enumerate().filter(is_stopped).map(|(_, one)| one).collect()
    }
}

impl FirewallSnapshot {
    /// The packets that were stopped between this snapshot and `after`, each
    /// with the rule that stopped it. This snapshot needs only the content of
    /// [`Network::legacy_snapshot`](crate::net::Network::legacy_snapshot).
    pub fn stops(&self, after: &Self, steps: &[TraceStep], passages: &[Passage]) -> Vec<Stop> {
        let stopped = Passage::stopped(passages);
        let innermost = |id: u32| stopped.iter().rev().find(|passage| passage.id == id);
        let told = steps.iter().filter(|step| step.verdict.stops()).map(|step| {
            let culprit = after.culprit_of(step).or_else(|| self.culprit_of(step));
            let hook = culprit.as_ref().and_then(|culprit| culprit.hook.clone());
            Stop {
                id: step.id,
                packet: step.packet.clone(),
                hook: hook.or_else(|| innermost(step.id).map(|passage| passage.hook.clone())),
                iif: step.iif.clone(),
                oif: step.oif.clone(),
                culprit,
            }
        });
        let mut stops: Vec<Stop> = told.collect();
        for passage in stopped.iter().rev() {
            if stops.iter().any(|stop| stop.id == passage.id) {
                continue;
            }
            stops.push(Stop {
                id: passage.id,
                packet: passage.packet.clone(),
                hook: Some(passage.hook.clone()),
                iif: passage.iif.clone(),
                oif: passage.oif.clone(),
                culprit: self.counted(after, passage).map(|rule| Culprit::new(rule, StepVerdict::Drop)),
            });
        }
        // In the order in which they were first seen.
        let first = |stop: &Stop| passages.iter().position(|passage| passage.id == stop.id);
        stops.sort_by_key(first);
        stops
    }

    /// The legacy rule that has stopped a packet in that hook.
    fn counted<'a>(&self, after: &'a Self, passage: &Passage) -> Option<&'a FirewallRule> {
        let family = match (passage.family.as_str(), passage.packet.src) {
            ("inet", Some(src)) if src.is_ipv4() => "ip",
            ("inet", _) => "ip6",
            (family, _) => family,
        };
        let is_there = |rule: &&FirewallRule| {
            let hook = rule.hook.as_ref().is_none_or(|hook| *hook == passage.hook);
            hook && rule.backend.is_old() && rule.stops() && rule.family == family
        };
        let mut moved: Vec<&FirewallRule> = self.moved(after).into_iter().filter(is_there).collect();
        moved.sort_by_key(|rule| rule.policy);
        // Legacy ebtables does not count packets at its policies.
        let policy = |rule: &&FirewallRule| rule.policy && rule.counters.is_none() && rule.hook.is_some();
        moved.first().copied().or_else(|| after.rules.iter().filter(is_there).find(policy))
    }
}

#[cfg(test)]
mod tests {
    use super::super::backend::Backend;
    use super::*;

    fn passage(id: u32, hook: &str, done: bool) -> Passage {
        let (family, hook) = hook.split_once(' ').unwrap();
        let packet = TracedPacket { src: Some("10.0.0.1".parse().unwrap()), ..TracedPacket::default() };
        Passage { id, family: family.into(), hook: hook.into(), done, iif: None, oif: None, packet }
    }

    #[test]
    fn a_packet_is_stopped_where_it_does_not_come_out() {
        let passages = [
            passage(1, "bridge prerouting", false),
            passage(2, "inet prerouting", false),
            passage(1, "inet prerouting", false),
            passage(2, "inet prerouting", true),
            passage(2, "inet input", false),
            passage(2, "inet input", true),
            // The kernel reuses the number of a packet that is gone.
            passage(2, "inet prerouting", false),
        ];
        let stopped = Passage::stopped(&passages);
        let stopped: Vec<_> =
            stopped.iter().map(|one| (one.id, one.family.as_str(), one.hook.as_str())).collect();
        assert_eq!(
            stopped,
            [(1, "bridge", "prerouting"), (1, "inet", "prerouting"), (2, "inet", "prerouting")]
        );
    }

    #[test]
    fn a_policy_that_nobody_counts_is_blamed_where_nothing_else_is() {
        let rule = |number: Option<usize>| FirewallRule {
            backend: Backend::EbtablesLegacy,
            family: "bridge".into(),
            table: "filter".into(),
            chain: "FORWARD".into(),
            hook: Some("forward".into()),
            priority: None,
            devices: Vec::new(),
            policy: number.is_none(),
            number,
            handle: None,
            spec: "DROP".into(),
            words: None,
            parts: Vec::new(),
            target: "DROP".into(),
            counters: number.map(|_| super::super::Counters { packets: 0, bytes: 0 }),
        };
        let snapshot = FirewallSnapshot { rules: vec![rule(None), rule(Some(1))] };
        let mut after = snapshot.clone();
        let culprit = |after: &FirewallSnapshot, hook: &str| {
            let stops = snapshot.stops(after, &[], &[passage(1, hook, false)]);
            stops[0].culprit.as_ref().map(|culprit| culprit.number)
        };
        assert_eq!(culprit(&after, "bridge forward"), Some(None));
        assert_eq!(culprit(&after, "bridge input"), None);
        after.rules[1].counters = Some(super::super::Counters { packets: 1, bytes: 84 });
        assert_eq!(culprit(&after, "bridge forward"), Some(Some(1)));
    }
}
