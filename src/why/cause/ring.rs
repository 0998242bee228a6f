//! Bridges that cables join to a ring, without a spanning tree.

use super::bridge::bridges;
use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::{Link, Space};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use std::collections::BTreeMap;

/// A bridge: its namespace and index.
type Switch<'a> = (&'a str, u32);

/// A cable between two ports, in the order in which it was laid.
struct Cable<'a> {
    near: (&'a Space, &'a Link),
    far: (&'a Space, &'a Link),
}

/// The cables of a ring, the last one of which has closed it.
pub(super) struct Ring<'a>(Vec<Cable<'a>>);

/// Suspects rings: a frame to all, such as a question of ARP, goes round without end.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let Some(ring) = ring(evidence, false) else { return Vec::new() };
    let Some(last) = ring.0.last() else { return Vec::new() };
    let (space, link) = last.near;
    let text = format!(
        "a ring of bridges without a spanning tree ({}): a frame to all goes round it without end, and each bridge learns its sender at the wrong port",
        ring.cables().join(", ")
    );
    let mut fix = vec![format!("{} link set {} down", evidence.ip(&space.name), link.name)];
    // A host that does not send stays learned at the wrong port for five minutes.
    fix.extend(ring.bridges(evidence).into_iter().map(|(space, bridge)| {
        format!("{} link set {} type bridge fdb_flush", evidence.ip(&space.name), bridge.name)
    }));
    let mut suspect = suspect(Cause::BridgeRing, format!("{}: {}", space.name, link.name), text, fix);
    suspect.evidence = ring
        .0
        .iter()
        .map(|cable| {
            let (space, link) = cable.near;
            format!("{} -s link show {}", evidence.ip(&space.name), link.name)
        })
        .collect();
    vec![Suspicion { rank: Tier::Named.exact().near(9), sure: false, suspect }]
}

impl Ring<'_> {
    /// Tells whether a bridge is part of it.
    pub fn has(&self, space: &Space, bridge: &Link) -> bool {
        let is_there =
            |(at, link): (&Space, &Link)| at.name == space.name && link.master == Some(bridge.index);
        self.0.iter().any(|cable| is_there(cable.near) || is_there(cable.far))
    }

    /// Returns its bridges.
    fn bridges<'b>(&self, evidence: &Evidence<'b>) -> Vec<(&'b Space, &'b Link)> {
        bridges(evidence).into_iter().filter(|(space, bridge)| self.has(space, bridge)).collect()
    }

    /// Names the cables by their two ports.
    fn cables(&self) -> Vec<String> {
        let port = |(space, link): (&Space, &Link)| format!("{} of {}", link.name, space.name);
        self.0.iter().map(|cable| format!("{} — {}", port(cable.near), port(cable.far))).collect()
    }
}

/// Returns the first ring whose bridges have no spanning tree, or would be one without it.
pub(super) fn ring<'a>(evidence: &Evidence<'a>, with_trees: bool) -> Option<Ring<'a>> {
    let mut joined: BTreeMap<Switch, Vec<(Switch, usize)>> = BTreeMap::new();
    let cables = cables(evidence, with_trees);
    for (at, cable) in cables.iter().enumerate() {
        let ends = [cable.near, cable.far].map(|(space, link)| Some((space.name.as_str(), link.master?)));
        let [Some(near), Some(far)] = ends else { continue };
        if let Some(mut way) = way(&joined, near, far) {
            way.push(at);
            let mut cables: Vec<Option<Cable>> = cables.into_iter().map(Some).collect();
            return Some(Ring(way.into_iter().filter_map(|at| cables[at].take()).collect()));
        }
        joined.entry(near).or_default().push((far, at));
        joined.entry(far).or_default().push((near, at));
    }
    None
}

/// Returns the cables that lead from one bridge to another, by their numbers.
fn way<'a>(
    joined: &BTreeMap<Switch<'a>, Vec<(Switch<'a>, usize)>>,
    from: Switch<'a>,
    to: Switch<'a>,
) -> Option<Vec<usize>> {
    let mut known: Vec<(Switch, Vec<usize>)> = vec![(from, Vec::new())];
    let mut at = 0;
    while let Some((here, way)) = known.get(at).cloned() {
        if here == to {
            return Some(way);
        }
        for (next, cable) in joined.get(&here).into_iter().flatten() {
            if known.iter().all(|(seen, _)| seen != next) {
                known.push((*next, [way.as_slice(), &[*cable]].concat()));
            }
        }
        at += 1;
    }
    None
}

/// Returns the cables between forwarding ports of bridges without a spanning tree, or those
/// between all bridges.
fn cables<'a>(evidence: &Evidence<'a>, with_trees: bool) -> Vec<Cable<'a>> {
    let open = |space: &Space, link: &Link| {
        let bridge = link.master.and_then(|master| space.link_at(master));
        let open = bridge.is_some_and(|bridge| {
            bridge.up && bridge.bridge.as_ref().is_some_and(|of| with_trees || !of.stp)
        });
        let forwards = link.port.as_ref().is_some_and(|port| with_trees || port.state == "forwarding");
        open && link.up && forwards
    };
    let mut cables = Vec::new();
    for space in &evidence.survey.spaces {
        for link in space.links.iter().filter(|link| open(space, link)) {
            let Some(far) = link.peer.as_ref().and_then(|peer| evidence.survey.find(peer)) else { continue };
            let is_first = (&space.name, link.index) < (&far.0.name, far.1.index);
            if is_first && open(far.0, far.1) {
                cables.push(Cable { near: (space, link), far });
            }
        }
    }
    cables.sort_by_key(|cable| cable.near.1.index.max(cable.far.1.index));
    cables
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::BridgeRing,
    title: "bridges are joined to a ring, and nothing breaks it",
    symptom: "Nothing answers, or everything answers many times (`DUP!`); the processors are busy, and the counters of the cables grow by themselves.",
    cause: "A bridge floods a frame to all out of all ports. On a ring it comes back and is flooded again, without end: Ethernet has no TTL. With each round the bridges learn its sender at another port.",
    evidence: "Two ways between two bridges, and counters that grow while nobody sends:\n  bridge -n NS link show\n  ip -n NS -s link show PORT",
    cure: "Take one cable of the ring away, and have the bridges learn anew:\n  ip -n NS link set PORT down\n  ip -n NS link set br0 type bridge fdb_flush\nor let the spanning tree break the ring, on all bridges, before the cables:\n  ip -n NS link set br0 type bridge stp_state 1",
}];
