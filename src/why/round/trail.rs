//! The ways that packets took, reconstructed from the captures.

use crate::event::{Passed, Trail, TrailEnd, TrailStep};
use crate::net::survey::{Link, LinkKind, Space, Survey};
use crate::net::{SeenPacket, Sighting};
use crate::why::evidence::ground::Ground;
use crate::why::look::shot::Shot;
use crate::why::look::stuck::{Last, Leg, Stuck, last_step};
use std::net::IpAddr;

/// Returns the ways of a probe's packets in the order of sending: the request, the
/// neighbour request that it waits for, the answers.
pub(in crate::why) fn trails(survey: &Survey, from: &str, shot: &Shot) -> Vec<Trail> {
    let ground = Ground::of(survey);
    let owner = |ip: IpAddr, but: &str| {
        let owners = ground.owners(ip).into_iter().map(|(space, _)| space.name.as_str());
        owners.into_iter().find(|owner| *owner != but)
    };
    let target = shot.target.and_then(|target| owner(target, from));
    let there = target.map(|target| ground.links_between(from, Some(target))).unwrap_or_default();
    let back: Way = there.iter().rev().copied().collect();
    let walk = Walk { survey, ground: &ground, shot };
    let stuck = Stuck::of(from, shot);
    let mut trails = Vec::new();
    let (is_stuck, waits) = match stuck.last {
        Last::Nothing => (true, false),
        Last::Packet => (true, false),
        Last::Question { .. } | Last::Answer { .. } => (false, true),
    };
    let going = stuck.leg == Leg::There;
    let end = |is_its_leg: bool| match (shot.reached, is_its_leg) {
        (false, true) if waits => Ending::Waits,
        (false, true) if is_stuck => Ending::Lost,
        _ => Ending::Arrived,
    };
    let replies = shot.sightings.iter().any(|seen| shot.passed(seen) == Some(Passed::Reply));
    // A reply that waits for a hardware address was not captured itself.
    let request = end(going || !replies && !waits);
    match walk.of(Passed::Request, &there, request, |_| true) {
        Some(trail) => trails.push(trail),
        None if !shot.reached => trails.push(Trail {
            what: Passed::Request,
            about: None,
            steps: Vec::new(),
            end: if waits { TrailEnd::Waits } else { TrailEnd::Within(from.into()) },
        }),
        None => {}
    }
    if let Last::Question { wanted, asker, .. } | Last::Answer { wanted, asker, .. } = &stuck.last {
        let answered = matches!(stuck.last, Last::Answer { .. });
        let about = |seen: &Sighting| matches!(&seen.packet, SeenPacket::Neighbour { target, .. } if target == wanted);
        let ending = if answered { Ending::Arrived } else { Ending::Lost };
        let owner = owner(*wanted, asker);
        let way: Way = owner.map(|owner| ground.links_between(asker, Some(owner))).unwrap_or_default();
        trails.extend(walk.question(asker, *wanted, &way, ending));
        if answered {
            let way: Way = way.into_iter().rev().collect();
            let trail = walk.of(Passed::ArpReply, &way, Ending::Lost, about);
            trails.extend(trail.map(|trail| Trail { about: Some(wanted.to_string()), ..trail }));
        }
    }
    trails.extend(walk.of(Passed::Reply, &back, end(!going), |_| true));
    if !shot.reached
        && let Some(trail) = walk.of(Passed::Error, &back, Ending::Arrived, |_| true)
    {
        let by = shot.sightings.iter().rev().find_map(|seen| match seen.packet {
            SeenPacket::Error { src, .. } => Some(src.to_string()),
            _ => None,
        });
        trails.push(Trail { about: by, ..trail });
    }
    trails
}

/// The outcome of a packet's way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Arrived,
    Waits,
    Lost,
}

/// The interfaces on a way, in their order.
type Way<'a> = Vec<(&'a Space, &'a Link)>;

struct Walk<'a> {
    survey: &'a Survey,
    ground: &'a Ground<'a>,
    shot: &'a Shot,
}

impl<'a> Walk<'a> {
    /// Returns the way of the packets of one kind.
    fn of(&self, what: Passed, way: &Way, ending: Ending, is: impl Fn(&Sighting) -> bool) -> Option<Trail> {
        let seen: Vec<&Sighting> = self
            .shot
            .sightings
            .iter()
            .filter(|seen| self.shot.passed(seen) == Some(what) && is(seen))
            .collect();
        let all: Vec<Sighting> = seen.iter().map(|seen| (*seen).clone()).collect();
        let last = last_step(&all, |_| true)?;
        let at = all.iter().position(|seen| std::ptr::eq(seen, last))?;
        Some(self.trail(what, &seen, at, way, ending))
    }

    /// Returns the way of a neighbour request. Bridges send copies to all ports; the copy
    /// to the address's owner counts.
    fn question(&self, asker: &str, wanted: IpAddr, way: &Way, ending: Ending) -> Option<Trail> {
        let is = |packet: &SeenPacket| matches!(packet, SeenPacket::Neighbour { asks: true, target, .. } if *target == wanted);
        let seen: Vec<&Sighting> = self.shot.sightings.iter().filter(|seen| is(&seen.packet)).collect();
        let first = seen.iter().position(|seen| seen.netns == asker && seen.out)?;
        // The first of several requests for the same address counts.
        let until = seen[first].time + std::time::Duration::from_millis(20);
        let mut best = first;
        for (at, one) in seen.iter().enumerate().filter(|(_, one)| one.time <= until) {
            // If no namespace has the address, the copy that went furthest counts.
            if position(way, one) > position(way, seen[best]) || way.is_empty() && !one.out {
                best = at;
            }
        }
        let trail = self.trail(Passed::ArpRequest, &seen, best, way, ending);
        Some(Trail { about: Some(wanted.to_string()), ..trail })
    }

    fn trail(&self, what: Passed, seen: &[&Sighting], last: usize, way: &Way, ending: Ending) -> Trail {
        let planned = way;
        let mut way = vec![last];
        while let Some(before) = self.before(seen, *way.last().unwrap_or(&last)) {
            way.push(before);
        }
        way.reverse();
        let step =
            |seen: &Sighting| TrailStep { ns: seen.netns.clone(), dev: seen.dev.clone(), out: seen.out };
        let mut steps: Vec<TrailStep> = Vec::new();
        for at in way {
            let step = step(seen[at]);
            if steps.contains(&step) {
                return Trail { what, about: None, steps, end: TrailEnd::Round };
            }
            steps.push(step);
        }
        let end = match ending {
            Ending::Arrived => TrailEnd::Arrived,
            Ending::Waits => TrailEnd::Waits,
            Ending::Lost if !seen[last].out => match onward(planned, seen[last]) {
                Some(next) => TrailEnd::Before(Some(next)),
                None => TrailEnd::Within(seen[last].netns.clone()),
            },
            Ending::Lost => TrailEnd::Before(self.next(seen[last])),
        };
        Trail { what, about: None, steps, end }
    }

    /// Returns the other end of the cable, where the packet should have come in.
    fn next(&self, seen: &Sighting) -> Option<TrailStep> {
        let link = self.link(seen)?;
        let (space, other) = self.survey.find(link.peer.as_ref()?)?;
        Some(TrailStep { ns: space.name.clone(), dev: other.name.clone(), out: false })
    }

    fn link(&self, seen: &Sighting) -> Option<&'a Link> {
        self.survey.space(&seen.netns)?.link_at(seen.index)
    }

    /// Returns the sighting that a packet came from: the most likely of the earlier ones,
    /// by the connection of the two interfaces.
    fn before(&self, seen: &[&Sighting], at: usize) -> Option<usize> {
        let likely = |before: usize| (self.joined(seen[before], seen[at]), before);
        (0..at).map(likely).max().filter(|(likely, _)| *likely > 0).map(|(_, before)| before)
    }

    /// Returns how likely a packet goes from one place to another.
    fn joined(&self, a: &Sighting, b: &Sighting) -> u32 {
        let (Some(from), Some(to)) = (self.link(a), self.link(b)) else { return 0 };
        let same = a.netns == b.netns;
        let is = |link: &Link, kind: fn(&Link) -> Option<&crate::net::survey::Peer>, other: &Sighting| {
            let found = kind(link).and_then(|peer| self.survey.find(peer));
            found.is_some_and(|(space, link)| space.name == other.netns && link.index == other.index)
        };
        let peer = |link: &Link, other: &Sighting| is(link, |link| link.peer.as_ref(), other);
        let parent = |link: &Link, other: &Sighting| is(link, |link| link.parent.as_ref(), other);
        match (a.out, b.out) {
            // Over a cable.
            (true, false) if peer(from, b) || peer(to, a) => 5,
            // Through a bridge.
            (false, true) if same && from.master.is_some() && from.master == to.master => 5,
            (false, false) if same && from.master == Some(to.index) => 4,
            (true, true) if same && to.master == Some(from.index) => 4,
            // To and from the parent of a macvlan or VXLAN.
            (true, true) if parent(from, b) => 4,
            (false, false) if parent(to, a) => 4,
            (true, false) if from.parent.is_some() && from.parent == to.parent => 3,
            (true, false) if parent(from, b) || parent(to, a) => 3,
            // Through a router: neither interface is a bridge port.
            (false, true) if same && from.master.is_none() && to.master.is_none() => 3,
            (true, true) if same && to.kind != LinkKind::Bridge && from.kind == LinkKind::Vxlan => 2,
            (false, false) if same && to.kind == LinkKind::Vxlan => 2,
            (true, false) if !same && self.ground.share((&a.netns, a.index), (&b.netns, b.index)) => 1,
            _ => 0,
        }
    }
}

fn position(way: &Way, seen: &Sighting) -> Option<usize> {
    way.iter().position(|(space, link)| space.name == seen.netns && link.index == seen.index)
}

/// Returns the interface that the packet should have left the namespace by.
fn onward(way: &Way, seen: &Sighting) -> Option<TrailStep> {
    let at = position(way, seen)?;
    let mut on = way[at + 1..].iter().take_while(|(space, _)| space.name == seen.netns);
    let (space, link) = on.next()?;
    // Frames between two ports do not pass the bridge's own interface.
    let port = on.next().filter(|(_, port)| link.kind == LinkKind::Bridge && port.master == Some(link.index));
    let link = port.map_or(link, |(_, port)| port);
    Some(TrailStep { ns: space.name.clone(), dev: link.name.clone(), out: true })
}
