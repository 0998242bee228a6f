//! Connections that began before a rule of NAT was there: conntrack keeps on treating them as it
//! did then.

use super::masquerade::traced;
use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::{FirewallRule, SeenPacket, Sighting};
use crate::why::Cause;
use crate::why::command::ruling::{Ruling, View};
use crate::why::evidence::Evidence;
use crate::why::evidence::kernel::Tracked;
use crate::why::look::shot::Wall;
use crate::why::look::translation::{Rewrites, rewrites};

/// The protocol number of UDP.
const UDP: u8 = 17;

/// Suspects entries of UDP flows to which a rule of NAT would apply, if they were new.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found: Vec<Suspicion> = Vec::new();
    for wall in &evidence.shot.walls {
        let rules: Vec<(&FirewallRule, Rewrites)> =
            wall.after.rules.iter().filter_map(|rule| Some((rule, rewrites(rule)?))).collect();
        // The probe itself is a new connection each time, unlike the tunnel that it takes.
        let outer: Vec<&Sighting> = evidence
            .shot
            .sightings
            .iter()
            .filter(|seen| seen.netns == wall.netns && seen.within.is_some())
            .collect();
        if rules.is_empty() || outer.is_empty() {
            continue;
        }
        let tracked = evidence.kernel.tracked(&wall.netns);
        for seen in outer {
            let entry = tracked.iter().find(|entry| is_of(entry, seen));
            let fits = |(rule, kind): &&(&FirewallRule, Rewrites)| {
                entry.is_some_and(|entry| is_left_out(entry, *kind)) && applies(rule, *kind, seen)
            };
            let Some((entry, (rule, kind))) = entry.zip(rules.iter().find(fits)) else { continue };
            let one = stale(evidence, wall, entry, rule, *kind);
            if !found.iter().any(|known| known.suspect.fix == one.suspect.fix) {
                found.push(one);
            }
        }
    }
    found
}

/// Tells whether a packet belongs to an entry's flow, in the direction of its first packet and
/// as that came.
fn is_of(entry: &Tracked, seen: &Sighting) -> bool {
    match seen.packet {
        SeenPacket::Udp { src, dst, ports } => {
            entry.proto == UDP
                && (entry.src, entry.dst) == (src, dst)
                && (entry.sport, entry.dport) == (Some(ports.0), Some(ports.1))
        }
        _ => false,
    }
}

/// Tells whether an entry has no translation of this kind.
fn is_left_out(entry: &Tracked, kind: Rewrites) -> bool {
    match kind {
        Rewrites::Destination => !entry.destination_nat,
        Rewrites::Source => !entry.source_nat,
    }
}

/// Tells whether a rule would translate a packet where it was seen.
fn applies(rule: &FirewallRule, kind: Rewrites, seen: &Sighting) -> bool {
    let (hook, out) = match kind {
        Rewrites::Destination => ("prerouting", false),
        Rewrites::Source => ("postrouting", true),
    };
    let packet = traced(seen);
    let dev = Some(seen.dev.as_str());
    let view = View { packet: &packet, iif: dev.filter(|_| !out), oif: dev.filter(|_| out), reply: false };
    rule.hook.as_deref() == Some(hook) && seen.out == out && Ruling::of(rule).failing(&view).is_empty()
}

fn stale(
    evidence: &Evidence,
    wall: &Wall,
    entry: &Tracked,
    rule: &FirewallRule,
    kind: Rewrites,
) -> Suspicion {
    let Tracked { src, dst, sport, dport, .. } = entry;
    let [sport, dport] = [sport, dport].map(|port| port.unwrap_or_default());
    let what = match kind {
        Rewrites::Destination => "another destination",
        Rewrites::Source => "another source",
    };
    let text = format!(
        "conntrack in {} knows the UDP flow {src}:{sport} → {dst}:{dport} from before the rule `{}` of chain {}, which would give it {what}: rules of NAT see only the first packet of a flow, and each further one keeps the entry alive",
        wall.netns, rule.spec, rule.chain
    );
    let family = if dst.is_ipv6() { "-f ipv6 " } else { "" };
    let flow = format!("-p udp {family}--orig-src {src} --orig-dst {dst} --sport {sport} --dport {dport}");
    let fix = vec![evidence.exec(&wall.netns, &format!("conntrack -D {flow}"))];
    let mut suspect = suspect(Cause::ConntrackStale, format!("{}: conntrack", wall.netns), text, fix);
    suspect.evidence = vec![evidence.exec(&wall.netns, &format!("conntrack -L {flow}"))];
    Suspicion { rank: Tier::Named.exact(), sure: false, suspect }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::ConntrackStale,
    title: "conntrack knows the flow from before the rule of NAT was there",
    symptom: "The rule is right, its counter stays at 0, and packets go where they went before; after a pause of some minutes, or a restart, it works.",
    cause: "Rules of NAT see the first packet of a flow only; what they decide, or that there was none, is kept in the flow's entry. UDP has no end, so that each packet of the same addresses and ports, as those of a tunnel, prolongs the entry.",
    evidence: "The entry's second half is the first one turned round, as nothing is translated:\n  ip netns exec NS conntrack -L -p udp --dport PORT\n  ip netns exec NS iptables -t nat -vnL",
    cure: "Delete the entry, so that the next packet is a first one:\n  ip netns exec NS conntrack -D -p udp --orig-dst ADDR --dport PORT",
}];
