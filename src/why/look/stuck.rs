//! The place where a packet was seen last, and what it waited for there.

use super::shot::Shot;
use super::translation::Translated;
use crate::event::Passed;
use crate::net::survey::{Link, Space, Survey};
use crate::net::{SeenPacket, Sighting};
use std::net::IpAddr;

/// The direction of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::why) enum Leg {
    /// To the target.
    There,
    /// Back to the sender, with the answer.
    Back,
}

/// The packet that was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) enum Last {
    /// Nothing: the sender has sent nothing at all.
    Nothing,
    /// The packet itself.
    Packet,
    /// A neighbour request, to which no answer was seen.
    Question {
        /// The asking namespace, which has the packet.
        asker: String,
        /// The interface by which it asks.
        dev: String,
        /// The IP address whose hardware address is wanted.
        wanted: IpAddr,
    },
    /// The answer to it, which has not reached the asking namespace.
    Answer {
        /// The asking namespace.
        asker: String,
        /// The interface by which it asks.
        dev: String,
        /// The IP address whose hardware address is wanted.
        wanted: IpAddr,
    },
}

/// The last place where something was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Stuck {
    /// The direction of the packet.
    pub leg: Leg,
    /// The packet that was seen last.
    pub last: Last,
    /// The namespace where it was seen, or the sender if nothing was.
    pub ns: String,
    /// The interface; none if nothing was seen.
    pub dev: Option<String>,
    /// Whether it was outgoing.
    pub out: bool,
    /// Whether the frame was for another hardware address than the interface's.
    pub for_another: bool,
    /// The packet's source and destination, as they were seen last.
    pub ends: Option<(IpAddr, IpAddr)>,
    /// Its time to live, as it was seen last.
    pub ttl: Option<u8>,
    /// The new destination of the request, if one was given to it.
    pub translated: Option<Translated>,
    /// The first ICMP error or TCP reset.
    pub error: Option<Complaint>,
}

/// An ICMP error, or a TCP reset (type 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::why) struct Complaint {
    /// The namespace that sends it.
    pub ns: String,
    /// The source address of the error.
    pub src: IpAddr,
    /// The type; 0 for a TCP reset.
    pub kind: u8,
    /// The code.
    pub code: u8,
}

impl Stuck {
    /// Returns the link where the packet was seen last.
    pub fn link<'a>(&self, survey: &'a Survey) -> Option<(&'a Space, &'a Link)> {
        let space = survey.space(&self.ns)?;
        Some((space, space.link(self.dev.as_ref()?)?))
    }

    /// Tells whether the answer is the packet that got stuck.
    pub fn is_back(&self) -> bool {
        self.leg == Leg::Back
    }

    /// Finds the last place in the captured packets of a probe from the namespace `from`.
    pub fn of(from: &str, shot: &Shot) -> Self {
        let seen = &shot.sightings;
        let error = complaint(seen);
        let is = |passed: Passed| move |seen: &&Sighting| shot.passed(seen) == Some(passed);
        let reply = seen.iter().rfind(is(Passed::Reply));
        // Copies of a broadcast or flooded frame are no progress.
        let packet = reply.or_else(|| last_step(seen, |seen| shot.passed(seen) == Some(Passed::Request)));
        let leg = if reply.is_some() { Leg::Back } else { Leg::There };
        let (holder, since) = match packet {
            Some(packet) => (packet.netns.as_str(), packet.time),
            None => (from, Default::default()),
        };
        // The namespace that has the packet asks for the hardware address of the next
        // hop. After an incoming packet it may be the target, which wants to answer.
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
        // A reply that waits for a hardware address was not captured itself.
        let leg = match (&unanswered, packet) {
            (Some((_, Last::Question { wanted, .. } | Last::Answer { wanted, .. })), Some(packet))
                if packet.packet.ends().is_some_and(|(src, _)| src == *wanted) =>
            {
                Leg::Back
            }
            _ => leg,
        };
        let mut ends = packet.and_then(|packet| packet.packet.ends());
        // It was seen before its destination was rewritten there.
        let translated = shot.translated();
        if let (Some(packet), Leg::There, Some(new)) = (packet, leg, &translated)
            && packet.netns == new.ns
            && !packet.out
        {
            ends = ends.map(|(src, _)| (src, new.dst));
        }
        if let (Some(packet), Leg::Back, Some((src, dst))) = (packet, leg, ends)
            && !packet.out
            && let Some(hidden) = hidden(shot, &packet.netns, dst)
        {
            ends = Some((src, hidden));
        }
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
            translated,
            error,
        }
    }
}

/// Returns the source that the request had before a namespace hid it behind this address: the
/// reply goes on to it.
fn hidden(shot: &Shot, ns: &str, behind: IpAddr) -> Option<IpAddr> {
    let requests = || {
        let here = shot.sightings.iter().filter(|seen| seen.netns == ns);
        here.filter(|seen| shot.passed(seen) == Some(Passed::Request))
    };
    let source = |seen: &Sighting| seen.packet.ends().map(|(src, _)| src);
    requests().find(|seen| seen.out && source(seen) == Some(behind))?;
    requests().filter(|seen| !seen.out).filter_map(source).find(|src| *src != behind)
}

/// Returns the last place where a packet was received by its addressee, or else the last
/// place where it was seen: a bridge sends copies to all its ports.
pub(in crate::why) fn last_step(seen: &[Sighting], is: impl Fn(&Sighting) -> bool) -> Option<&Sighting> {
    let taken = |at: &&Sighting| is(at) && !at.out && !at.for_another;
    let last = seen.iter().rfind(|at| is(at))?;
    let into = seen.iter().rfind(taken);
    // A packet that was forwarded has its last place on the way out.
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
