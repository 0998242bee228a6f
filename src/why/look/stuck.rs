//! Where a packet was seen last, and what it waited for there.

use super::shot::Shot;
use crate::event::Passed;
use crate::net::{SeenPacket, Sighting};
use std::net::IpAddr;

/// Which way the packet was going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::why) enum Leg {
    /// To the one that is asked.
    There,
    /// Back with the answer.
    Back,
}

/// What was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) enum Last {
    /// Nothing: the one who asks has sent nothing at all.
    Nothing,
    /// The packet itself.
    Packet,
    /// The question who has an address, to which no answer was seen.
    Question {
        /// Who asks for it: the namespace that has the packet.
        asker: String,
        /// The interface by which it asks.
        dev: String,
        /// Whose hardware address is wanted.
        wanted: IpAddr,
    },
    /// The answer to it, which has not come to the one who asks.
    Answer {
        /// Who asks for it.
        asker: String,
        /// The interface by which it asks.
        dev: String,
        /// Whose hardware address is wanted.
        wanted: IpAddr,
    },
}

/// The last place where something was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Stuck {
    /// Which way the packet was going.
    pub leg: Leg,
    /// What was seen last.
    pub last: Last,
    /// The namespace where it was seen; the one who asks where nothing was.
    pub ns: String,
    /// The interface; none where nothing was seen.
    pub dev: Option<String>,
    /// Whether it was on its way out.
    pub out: bool,
    /// Whether it was for another hardware address than the interface's.
    pub for_another: bool,
    /// The packet's source and destination, as they were seen last.
    pub ends: Option<(IpAddr, IpAddr)>,
    /// Its time to live, as seen last.
    pub ttl: Option<u8>,
    /// The first ICMP error or TCP reset: who said it, its type and code.
    pub error: Option<Complaint>,
}

/// An ICMP error, or a TCP reset (type 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Complaint {
    /// The namespace that sends it.
    pub ns: String,
    /// The address that it gives as its own.
    pub src: IpAddr,
    /// The type; 0 for a TCP reset.
    pub kind: u8,
    /// The code.
    pub code: u8,
}

impl Stuck {
    /// Finds it in what was seen of a probe of `from`.
    pub fn of(from: &str, shot: &Shot) -> Self {
        let seen = &shot.sightings;
        let error = complaint(seen);
        let is = |passed: Passed| move |seen: &&Sighting| shot.passed(seen) == Some(passed);
        let reply = seen.iter().rfind(is(Passed::Reply));
        // Where a copy of a broadcast or a flooded frame went is no progress.
        let packet = reply.or_else(|| last_step(seen, |seen| shot.passed(seen) == Some(Passed::Request)));
        let leg = if reply.is_some() { Leg::Back } else { Leg::There };
        let (holder, since) = match packet {
            Some(packet) => (packet.netns.as_str(), packet.time),
            None => (from, Default::default()),
        };
        // Whoever has the packet asks for the next one's hardware address.
        // On the way in it may be the other end, which answers.
        let waits = packet.is_none_or(|packet| !packet.out);
        let question = seen.iter().find(|at| {
            let asks = matches!(at.packet, SeenPacket::Neighbour { asks: true, .. });
            waits && asks && at.out && at.netns == holder && at.time >= since
        });
        let unanswered = question.and_then(|question| {
            let SeenPacket::Neighbour { target: wanted, .. } = question.packet else { return None };
            let answers = |at: &&Sighting| matches!(at.packet, SeenPacket::Neighbour { asks: false, target, .. } if target == wanted);
            let came = |at: &&Sighting| answers(at) && !at.out && at.netns == holder && at.dev == question.dev && !at.for_another;
            if seen.iter().any(|at| came(&at)) {
                return None;
            }
            let (asker, dev) = (question.netns.clone(), question.dev.clone());
            Some(match seen.iter().rfind(answers) {
                Some(answer) => (answer, Last::Answer { asker, dev, wanted }),
                None => {
                    let asks = |at: &Sighting| matches!(at.packet, SeenPacket::Neighbour { asks: true, target, .. } if target == wanted);
                    let last = last_step(seen, asks).unwrap_or(question);
                    (last, Last::Question { asker, dev, wanted })
                }
            })
        });
        // A reply that waits for a hardware address was never seen itself.
        let leg = match (&unanswered, packet) {
            (Some((_, Last::Question { wanted, .. } | Last::Answer { wanted, .. })), Some(packet))
                if packet.packet.ends().is_some_and(|(src, _)| src == *wanted) =>
            {
                Leg::Back
            }
            _ => leg,
        };
        let ends = packet.and_then(|packet| packet.packet.ends());
        let ttl = packet.and_then(|packet| match packet.packet {
            SeenPacket::Echo { ttl, .. } | SeenPacket::Tcp { ttl, .. } => Some(ttl),
            _ => None,
        });
        let (at, last) = match (unanswered, packet) {
            (Some((at, last)), _) => (Some(at), last),
            (None, Some(packet)) => (Some(packet), Last::Packet),
            (None, None) => (None, Last::Nothing),
        };
        Self {
            leg,
            last,
            ns: at.map_or(from, |at| &at.netns).to_string(),
            dev: at.map(|at| at.dev.clone()),
            out: at.is_some_and(|at| at.out),
            for_another: at.is_some_and(|at| at.for_another),
            ends,
            ttl,
            error,
        }
    }
}

/// The last place where a packet was taken in by whom it was sent to, or
/// else the last where it was seen: a bridge sends copies to all its ports.
pub(in crate::why) fn last_step(seen: &[Sighting], is: impl Fn(&Sighting) -> bool) -> Option<&Sighting> {
    let taken = |at: &&Sighting| is(at) && !at.out && !at.for_another;
    let last = seen.iter().rfind(|at| is(at))?;
    let into = seen.iter().rfind(taken);
    // What came in and went on has its last place on the way out.
    match into {
        Some(into)
            if seen.iter().any(|at| is(at) && at.out && at.netns == into.netns && at.time >= into.time) =>
        {
            Some(last)
        }
        Some(into) => Some(into),
        None => Some(last),
    }
}

fn complaint(seen: &[Sighting]) -> Option<Complaint> {
    seen.iter().find_map(|at| match at.packet {
        SeenPacket::Error { src, kind, code, .. } => {
            Some(Complaint { ns: at.netns.clone(), src, kind, code })
        }
        SeenPacket::Tcp { src, flags: (false, _, true), .. } => {
            Some(Complaint { ns: at.netns.clone(), src, kind: 0, code: 0 })
        }
        _ => None,
    })
}
