//! NAT rules that should have matched and did not: because of one condition, of their
//! place, or because the packet is not tracked.

use super::called::{calls, is_called};
use super::masquerade::{family, last_router, request_at, source_nat, traced};
use super::mistyped::is_nobodys;
use super::nat::Nat;
use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::Net;
use crate::net::{Backend, Culprit, FirewallRule, TracedPacket, nft_command, typed};
use crate::why::Cause;
use crate::why::command::ruling::{Of, View, in_net};
use crate::why::command::say::nodad;
use crate::why::look::gate::Gate;
use crate::why::look::translation::Rewrites;

impl Nat<'_> {
    /// Suspects the rule if it would have rewritten the probe except for one condition,
    /// its chain, or its namespace.
    pub fn near_miss(&self, kind: Rewrites) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let mut found = Vec::new();
        let (id, out) = match kind {
            Rewrites::Source => (Cause::MasqueradeNearMiss, true),
            Rewrites::Destination => (Cause::DnatNearMiss, false),
        };
        found.extend(self.unowned(kind));
        if self.is_beside() {
            return found;
        }
        let elsewhere = !evidence.shot.sightings.iter().any(|seen| seen.netns == self.space.name);
        if elsewhere && kind == Rewrites::Source {
            return self.wrong_namespace();
        }
        let Some(seen) = request_at(evidence, &self.space.name, out) else { return found };
        let packet = traced(seen);
        let came = request_at(evidence, &self.space.name, false).map(|seen| seen.dev.as_str());
        let view = View {
            packet: &packet,
            iif: came.filter(|_| !out),
            oif: Some(seen.dev.as_str()).filter(|_| out),
            reply: false,
        };
        let failing = self.ruling.failing(&view);
        if failing.is_empty() {
            return self.stray(kind, packet.src.is_some_and(|src| src.is_ipv6()));
        }
        let [clause] = failing[..] else { return found };
        // A rule for a network that is there serves that one.
        if matches!(clause.of, Of::Src | Of::Dst)
            && Net::parse(&clause.value).is_some_and(|net| !is_nobodys(evidence, net))
        {
            return found;
        }
        let Some(meant) = clause.meant(&view) else { return found };
        let text = format!(
            "{} does not match: it is for the {} {}, and the packet has {}",
            self.name(),
            clause.name(),
            clause.value,
            clause.seen(&view).unwrap_or_default()
        );
        let has_ports = self.ruling.clauses.iter().any(|one| matches!(one.of, Of::Dport | Of::Sport));
        let (words, rank) = match (clause.of, kind) {
            // Source NAT is meant for all protocols.
            (Of::Proto, Rewrites::Source) if !has_ports => (self.ruling.without(clause), Tier::Here.exact()),
            (Of::Proto, _) if !has_ports => (self.ruling.with(clause, &meant), Tier::Odd.plain()),
            _ => (self.ruling.with(clause, &meant), Tier::Here.exact()),
        };
        let fix = self.replace(&words);
        found.push(self.found(id, text, fix, rank));
        found
    }

    /// Tells whether the chain of the rule has callers, and the packet met none of them: it
    /// is the chain of another service.
    fn is_beside(&self) -> bool {
        let callers = self.wall.after.rules.iter().filter(|rule| calls(rule, self.rule));
        let mut callers = callers.peekable();
        self.rule.hook.is_none() && callers.peek().is_some() && !callers.any(|rule| self.wall.has_met(rule))
    }

    /// Suspects a DNAT rule for an address that no interface has: neighbour requests for
    /// it get no reply, so no packet arrives.
    fn unowned(&self, kind: Rewrites) -> Option<Suspicion> {
        let Gate::Resolve { asker, dev, wanted } = &self.evidence.gate else { return None };
        let ground = &self.evidence.ground;
        let link = self.evidence.survey.space(asker)?.link(dev)?;
        let near = ground.neighbours(asker, link);
        let end = near.iter().find(|end| end.space.name == self.space.name)?;
        let named = self.ruling.clauses.iter().any(|clause| {
            clause.of == Of::Dst && !clause.not && in_net(&clause.value, *wanted) == Some(true)
        });
        if kind != Rewrites::Destination || !named || !ground.owners(*wanted).is_empty() {
            return None;
        }
        let (ns, dev) = (&self.wall.netns, &end.link.name);
        let text = format!(
            "{} is for {wanted}, an address that nobody has: {asker} asks on that wire who has it, and nobody answers; {ns} has to have it on {dev}",
            self.name()
        );
        let len = if wanted.is_ipv6() { 128 } else { 32 };
        let fix =
            vec![format!("{} addr add {wanted}/{len} dev {dev}{}", self.evidence.ip(ns), nodad(*wanted))];
        Some(self.found(Cause::AddressMissing, text, fix, Tier::Here.exact()))
    }

    /// Suspects a rule in a namespace that the packets do not pass.
    fn wrong_namespace(&self) -> Vec<Suspicion> {
        let Some((router, out, src)) = last_router(self.evidence) else { return Vec::new() };
        let Some(wall) = self.evidence.shot.walls.iter().find(|wall| wall.netns == router.name) else {
            return Vec::new();
        };
        let packet =
            TracedPacket { src: Some(src), dst: self.evidence.shot.target, ..TracedPacket::default() };
        let view = View { packet: &packet, iif: None, oif: Some(out), reply: false };
        if self.rule.backend == Backend::Nft || !self.ruling.failing(&view).is_empty() {
            return Vec::new();
        }
        let text = format!(
            "{} stands in a namespace where the packets don't come by: they leave by {}'s {out}",
            self.name(),
            router.name
        );
        let fix = source_nat(self.evidence, wall, self.rule.backend, family(src), &self.ruling.typed());
        vec![self.found(Cause::MasqueradeWrongNamespace, text, fix, Tier::Here.exact())]
    }

    /// Suspects a rule with the right conditions that the probe does not meet.
    fn stray(&self, kind: Rewrites, v6: bool) -> Vec<Suspicion> {
        let evidence = self.evidence;
        let Self { rule, space, .. } = self;
        let (ns, native) = (&self.wall.netns, rule.backend == Backend::Nft);
        let one = |id: Cause, text: String, fix: String| {
            vec![self.found(id, text, vec![evidence.exec(ns, &fix)], Tier::Here.exact())]
        };
        let (id, hook, place) = match kind {
            Rewrites::Source => (Cause::MasqueradeNearMiss, "postrouting", "srcnat"),
            Rewrites::Destination if space.name == evidence.probe.from => {
                (Cause::DnatWrongChain, "output", "dstnat")
            }
            Rewrites::Destination => (Cause::DnatNearMiss, "prerouting", "dstnat"),
        };
        let base = hook.to_uppercase();
        if rule.family == if v6 { "ip" } else { "ip6" } {
            let (is, not) = if v6 { (6, 4) } else { (4, 6) };
            let text = format!("{} is for IPv{not}, and the packet is of IPv{is}", self.name());
            let family = if v6 { "ip6" } else { "ip" };
            let tool = rule.backend.tool(family);
            let fix = match (native, kind) {
                (_, Rewrites::Destination) => return Vec::new(),
                (true, _) => nft_command(&format!(
                    "add table {family} nat; add chain {family} nat {hook} {{ type nat hook {hook} priority {place}; }}; add rule {family} nat {hook} {}",
                    self.ruling.typed()
                )),
                (false, _) => format!("{tool} -t nat -A {base} {}", self.ruling.typed()),
            };
            return one(id, text, fix);
        }
        if rule.hook.is_none() && !is_called(&self.wall.after.rules, rule) {
            let (table, chain) = (typed(&rule.table), typed(&rule.chain));
            let text = match native {
                true => {
                    format!("{} is never asked: that chain has no hook, and no rule leads to it", self.name())
                }
                false => format!("{} is never asked: no rule leads to that chain", self.name()),
            };
            let family = &rule.family;
            let fix = match native {
                true => nft_command(&format!(
                    "add chain {family} {table} {hook}_hook {{ type nat hook {hook} priority {place}; }}; add rule {family} {table} {hook}_hook jump {chain}"
                )),
                false => format!("{} -t {table} -A {base} -j {chain}", rule.backend.tool(family)),
            };
            return one(id, text, fix);
        }
        // Locally generated packets skip PREROUTING.
        if kind == Rewrites::Destination && space.name == evidence.probe.from && !native {
            let text =
                format!("{} is for what arrives: packets that {ns} itself sends go by OUTPUT", self.name(),);
            let tool = rule.backend.tool(&rule.family);
            return one(
                Cause::DnatWrongChain,
                text,
                format!("{tool} -t nat -A OUTPUT {}", self.ruling.typed()),
            );
        }
        let untracked = self.not_tracking().filter(|other| !says(other, "zone"));
        let untracked = untracked.map(|other| {
            let text = format!(
                "{} is never asked: `{}` of chain {} in table {} turns off tracking (NOTRACK), and what is not tracked is not translated",
                self.name(), other.spec, other.chain, other.table
            );
            self.loose(Cause::ConntrackNotrack, text, other)
        });
        untracked.flatten().collect()
    }

    /// Suspects rules because of which the answer is not translated back, although the
    /// request was translated here.
    pub fn lost_track(&self) -> Vec<Suspicion> {
        let evidence = self.evidence;
        if !evidence.stuck.is_back() || evidence.stuck.ns != self.wall.netns || evidence.stuck.out {
            return Vec::new();
        }
        let one = |other: &FirewallRule| {
            let (id, why) = match says(other, "zone") {
                true => (Cause::ConntrackZone, "puts the two directions into different conntrack zones"),
                false => (Cause::ConntrackNotrack, "turns off the tracking of one direction (NOTRACK)"),
            };
            let text = format!(
                "the answer comes back to {}, which does not recognize it and does not translate it back (`{}`): `{}` of chain {} in table {} {why}",
                self.wall.netns, self.rule.spec, other.spec, other.chain, other.table
            );
            self.loose(id, text, other)
        };
        self.not_tracking().filter_map(one).collect()
    }

    /// Returns the rules here that change connection tracking: NOTRACK and zones.
    fn not_tracking(&self) -> impl Iterator<Item = &FirewallRule> {
        let rules = self.wall.after.rules.iter();
        rules.filter(|rule| !rule.policy && (says(rule, "notrack") || says(rule, "zone")))
    }

    /// Suspects another rule, and deletes it as the cure.
    fn loose(&self, id: Cause, text: String, other: &FirewallRule) -> Option<Suspicion> {
        let netns = self.evidence.netns(&self.wall.netns)?;
        let culprit = Culprit::from(other);
        let place = format!("{}: chain {}", self.wall.netns, other.chain);
        let mut suspect = suspect(id, place, text, vec![culprit.delete_command(&netns)]);
        suspect.evidence = vec![culprit.show_command(&netns)];
        Some(Suspicion { rank: Tier::Here.exact(), sure: false, suspect })
    }
}

fn says(rule: &FirewallRule, word: &str) -> bool {
    rule.spec.to_lowercase().contains(word)
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::DnatNearMiss,
        title: "a DNAT rule does not match for one condition",
        symptom: "The published port is refused: nobody listens there on the router itself.",
        cause: "The rule names another interface, address or port than the packet has.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Correct the one word:\n  ip netns exec NS iptables -t nat -R PREROUTING NUMBER RULE",
    },
    Page {
        id: Cause::DnatWrongChain,
        title: "a DNAT rule in PREROUTING for one's own packets",
        symptom: "From elsewhere it works, from the host itself it does not.",
        cause: "What a host sends itself does not come by PREROUTING but by OUTPUT.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Add it there as well:\n  ip netns exec NS iptables -t nat -A OUTPUT RULE",
    },
    Page {
        id: Cause::MasqueradeNearMiss,
        title: "a MASQUERADE or SNAT rule does not match for one condition",
        symptom: "Silence: the request arrives with its private source.",
        cause: "The rule names another interface or source than the packet has, often one copied from elsewhere.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Correct the one word:\n  ip netns exec NS iptables -t nat -R POSTROUTING NUMBER RULE",
    },
    Page {
        id: Cause::MasqueradeWrongNamespace,
        title: "MASQUERADE in a namespace where nothing comes by",
        symptom: "Silence, and the rule's counter stays at 0.",
        cause: "Each namespace has its own tables: the rule belongs where the packets leave.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Add it there:\n  ip netns exec ROUTER iptables -t nat -A POSTROUTING RULE",
    },
];
