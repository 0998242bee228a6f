//! One probe, with every interface tapped.

use crate::event::{Passed, Probe, Waypoint};
use crate::net::survey::{Link, Space, Survey, conf_key};
use crate::net::{
    Culprit, FirewallRule, FirewallSnapshot, Limits, NetError, Netns, Network, Passage, PingOptions,
    PingSource, SeenPacket, Sighting, Stop, Taps, TcpOptions, TooLarge, TraceStep, UdpOptions,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The result of one probe.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::why) struct Shot {
    /// Whether the other end answered.
    pub reached: bool,
    /// The error that the sender sees.
    pub symptom: String,
    /// The place that found the probe too large, if one did.
    #[serde(default)]
    pub too_large: Option<TooLarge>,
    /// The address of the target; none if its name has none.
    pub target: Option<IpAddr>,
    /// Whether the name was not resolved. Then the target is the name server, and the
    /// packets are the DNS query and its answer.
    pub unnamed: bool,
    /// The UDP port that was asked, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<u16>,
    /// The packets that passed the interfaces, in the order of time.
    pub sightings: Vec<Sighting>,
    /// The firewalls of each namespace, and what they did with the probe.
    pub walls: Vec<Wall>,
}

/// The firewalls of one namespace, and what they did with a probe.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::why) struct Wall {
    /// The namespace.
    pub netns: String,
    /// The rules, with their counters before the probe.
    pub before: FirewallSnapshot,
    /// The rules, with their counters after the probe.
    pub after: FirewallSnapshot,
    /// The nf_tables rules that packets met, in order.
    pub steps: Vec<TraceStep>,
    /// The hooks that packets passed, in order.
    pub passages: Vec<Passage>,
}

impl Wall {
    /// Returns the packets that were stopped here, in the order of time.
    pub fn stops(&self) -> Vec<Stop> {
        self.before.stops(&self.after, &self.steps, &self.passages)
    }

    /// Tells whether the probe has met a rule here.
    pub fn has_met(&self, rule: &FirewallRule) -> bool {
        let traced = self.steps.iter().any(|step| {
            step.handle.is_some()
                && step.handle == rule.handle
                && (&step.table, &step.chain) == (&rule.table, &rule.chain)
        });
        traced || self.before.moved(&self.after).iter().any(|moved| std::ptr::eq(*moved, rule))
    }

    /// Returns the rules and policies that stopped packets here, in the order of time.
    pub fn culprits(&self) -> Vec<Culprit> {
        self.before.culprits(&self.after, &self.steps)
    }
}

/// The time to wait for an answer in a network whose queues only hold packets that can't
/// be sent at once.
const QUICK: Duration = Duration::from_millis(300);
/// The time to wait in a network that may delay packets.
const SLOW: Duration = Duration::from_millis(2500);

/// The time limit for resolving a name, which leaves time for a second server.
const PATIENCE: Duration = Duration::from_secs(6);

/// The result of a probe as the sender sees it.
pub(in crate::why) struct Sent {
    /// Whether the other end answered.
    pub reached: bool,
    symptom: String,
    too_large: Option<TooLarge>,
    /// The address that was asked.
    pub target: Option<IpAddr>,
}

/// Sends the probe.
pub(in crate::why) fn send(
    network: &Network,
    from: &Netns,
    probe: &Probe,
    survey: &Survey,
) -> Result<Sent, NetError> {
    hurry_neighbours(network, survey)?;
    forget_leftovers(network, survey)?;
    send_within(network, from, probe, if may_be_slow(survey) { SLOW } else { QUICK })
}

/// Sends the probe as the network is, and waits that long for an answer.
pub(super) fn send_within(
    network: &Network,
    from: &Netns,
    probe: &Probe,
    wait: Duration,
) -> Result<Sent, NetError> {
    match (probe.tcp, probe.udp) {
        (Some(port), _) => knock(network, from, probe, port, wait),
        (None, Some(port)) => post(network, from, &probe.to, port, wait),
        (None, None) => ping(network, from, probe, wait),
    }
}

/// Sends the probe, and captures what happens to it on all interfaces.
pub(in crate::why) fn shoot(
    network: &Network,
    taps: &mut Taps,
    from: &Netns,
    probe: &Probe,
    survey: &Survey,
) -> Result<Shot, NetError> {
    let watched = watched(network, taps, |taps| {
        let sent = send(network, from, probe, survey)?;
        Ok((sent, network.sightings(taps)?))
    })?;
    let Watched { of: Sent { reached, symptom, too_large, target }, sightings, walls } = watched;
    let unnamed = target.is_none() && !reached;
    let target = target.or_else(|| {
        let servers = network.name_files(from).ok()?.servers;
        servers.into_iter().find(|server| !server.is_loopback())
    });
    Ok(Shot { reached, symptom, too_large, target, unnamed, udp: probe.udp, sightings, walls })
}

/// The packets that passed while something was done, and what the firewalls did with them.
pub(super) struct Watched<T> {
    /// The result of that.
    pub of: T,
    pub sightings: Vec<Sighting>,
    pub walls: Vec<Wall>,
}

/// Does something that sends packets, with all interfaces tapped and all firewalls traced.
pub(super) fn watched<T>(
    network: &Network,
    taps: &mut Taps,
    act: impl FnOnce(&Taps) -> Result<(T, Vec<Sighting>), NetError>,
) -> Result<Watched<T>, NetError> {
    let mut walls = Vec::new();
    let mut traces = Vec::new();
    for netns in network.namespaces()?.into_iter().chain([network.host()]) {
        let before = network.firewall_snapshot(&netns)?;
        if !before.rules.is_empty()
            // A kernel without nf_tables has no such rules either.
            && let Ok(trace) = network.trace_packets(&netns)
        {
            traces.push((walls.len(), netns.clone(), trace));
        }
        let netns = netns.name().into();
        walls.push(Wall { netns, after: before.clone(), before, steps: Vec::new(), passages: Vec::new() });
    }
    // A neighbour that did not answer before, the lab's own ping for instance, is asked
    // again some time later. The capture would show that request or not, by chance.
    network.forget_unanswered()?;
    network.tap_everywhere(taps)?;
    let (of, sightings) = act(taps)?;
    for (at, netns, mut trace) in traces {
        walls[at].steps = trace.steps();
        walls[at].passages = trace.passages();
        drop(trace);
        walls[at].after = network.firewall_recount(&netns, &walls[at].before)?;
    }
    Ok(Watched { of, sightings: without_noise(sightings), walls })
}

/// Returns the packets that are, or may be, related to the probe.
fn without_noise(sightings: Vec<Sighting>) -> Vec<Sighting> {
    let (noise, mut rest): (Vec<_>, Vec<_>) =
        sightings.into_iter().partition(|seen| is_noise(seen.within.as_deref().unwrap_or(&seen.packet)));
    // No ICMP error is about another ICMP error.
    let is_error = |seen: &&Sighting| matches!(seen.packet, SeenPacket::Error { .. });
    let flows = |seen: &[Sighting]| {
        let others = seen.iter().filter(|one| !is_error(one));
        others.filter_map(|one| one.packet.ends()).collect::<Vec<_>>()
    };
    let (of_noise, of_rest) = (flows(&noise), flows(&rest));
    // An error about noise is noise.
    rest.retain(|seen| match seen.packet {
        SeenPacket::Error { about: Some(flow), .. } => of_rest.contains(&flow) || !of_noise.contains(&flow),
        _ => true,
    });
    rest
}

/// Tells whether a packet is unrelated background traffic.
fn is_noise(packet: &SeenPacket) -> bool {
    match packet {
        SeenPacket::Ip { protocol, .. } => matches!(protocol, 0 | 2 | 58),
        SeenPacket::Neighbour { sender, asks, .. } => sender.is_unspecified() && *asks,
        SeenPacket::Other { .. } => true,
        _ => false,
    }
}

fn ping(network: &Network, from: &Netns, probe: &Probe, wait: Duration) -> Result<Sent, NetError> {
    let source = probe.interface.as_ref().map(|name| match name.parse() {
        Ok(ip) => PingSource::Address(ip),
        Err(_) => PingSource::Interface(name.clone()),
    });
    let options = PingOptions {
        timeout_ms: wait.as_millis() as u64,
        size: probe.size.unwrap_or(56),
        df: probe.df,
        source,
        broadcast: probe.broadcast,
        hasty: true,
        deadline: Instant::now() + PATIENCE,
        ..PingOptions::default()
    };
    match network.ping(from, &probe.to, &options) {
        Ok(answer) => Ok(Sent {
            reached: answer.ok(),
            symptom: answer.error().unwrap_or_else(|| "it answers".into()),
            too_large: answer.too_large,
            target: answer.address(),
        }),
        // For example, the interface does not exist.
        Err(error) if error.unmeasured.is_none() => {
            let target = probe.to.parse().ok();
            Ok(Sent { reached: false, symptom: error.error, too_large: None, target })
        }
        Err(error) => Err(error),
    }
}

fn knock(
    network: &Network,
    from: &Netns,
    probe: &Probe,
    port: u16,
    wait: Duration,
) -> Result<Sent, NetError> {
    let to = probe.to.as_str();
    let options = TcpOptions {
        timeout_ms: wait.as_millis() as u64,
        talks: true,
        size: probe.size.unwrap_or_default().into(),
        deadline: Instant::now() + PATIENCE,
        ..TcpOptions::default()
    };
    let answer = network.tcp(from, to, &port.to_string(), &options, None)?;
    let symptom = answer.error().unwrap_or_else(|| "it accepts connections".into());
    let target = answer.address().or_else(|| to.parse().ok());
    Ok(Sent { reached: answer.ok(), symptom, too_large: None, target })
}

/// The first source port of datagrams, by which they are known even if their destination is
/// translated. Each one has a port of its own: a connection that conntrack knows is translated
/// as it was when it began, whatever rules there are now.
const SOURCE_PORTS: u16 = 61_300;

/// The number of datagrams so far in this process.
static POSTED: AtomicU16 = AtomicU16::new(0);

/// The number of source ports that are used in turn.
const MANY_PORTS: u16 = 1000;

/// Tells whether a port is one that datagrams are sent from.
fn is_source_port(port: u16) -> bool {
    (SOURCE_PORTS..SOURCE_PORTS + MANY_PORTS).contains(&port)
}

/// Sends a datagram. Not every service answers: it is enough that a socket elsewhere has got it,
/// unless an answer was sent and is lost.
fn post(network: &Network, from: &Netns, to: &str, port: u16, wait: Duration) -> Result<Sent, NetError> {
    let sport = SOURCE_PORTS + POSTED.fetch_add(1, Ordering::Relaxed) % MANY_PORTS;
    let options = UdpOptions {
        timeout_ms: wait.as_millis() as u64,
        sport: Some(sport),
        query: port == 53,
        deadline: Instant::now() + PATIENCE,
    };
    let count = || -> Result<[u64; 2], NetError> {
        let survey = network.survey()?;
        // Tunnels get datagrams too, and send some by themselves.
        let serves = |space: &&Space| space.listeners.iter().any(|one| one.proto == "udp");
        let others = survey.spaces.iter().filter(|space| space.name != from.name()).filter(serves);
        let of = |space: &Space, name: &str| space.counters.get(name).copied().unwrap_or(0);
        let all: Vec<[u64; 2]> = others
            .map(|space| {
                [["UdpInDatagrams", "Udp6InDatagrams"], ["UdpOutDatagrams", "Udp6OutDatagrams"]]
                    .map(|names| names.iter().map(|name| of(space, name)).sum())
            })
            .collect();
        Ok([0, 1].map(|at| all.iter().map(|counts| counts[at]).sum()))
    };
    let before = count()?;
    let answer = network.udp(from, to, &port.to_string(), &options, None)?;
    let after = count()?;
    let is_delivered = after[0] > before[0] && after[1] == before[1];
    let (reached, symptom) = match answer.error() {
        None => (true, "it answers".to_string()),
        Some(_) if is_delivered => (true, "a program has got it, and does not answer".into()),
        Some(error) => (false, error),
    };
    let target = answer.address().or_else(|| to.parse().ok());
    Ok(Sent { reached, symptom, too_large: None, target })
}

/// Makes the kernel repeat its neighbour requests every 50 ms in place of every second.
/// This sandbox is a replay, which nobody uses afterwards.
fn hurry_neighbours(network: &Network, survey: &Survey) -> Result<(), NetError> {
    for netns in network.all_namespaces()? {
        let Some(space) = survey.space(netns.name()) else { continue };
        for link in &space.links {
            // The same setting times IPv6's duplicate address detection.
            let waits = space.addrs.iter().any(|addr| addr.index == link.index && addr.tentative);
            let families: &[&str] = if waits { &["ipv4"] } else { &["ipv4", "ipv6"] };
            for family in families {
                let key = format!("net/{family}/neigh/{}/retrans_time_ms", link.name);
                let _ = network.set_sysctl(&netns, &key, "50");
            }
            // A proxy waits up to 0.8 s before it answers.
            if space.switch(&conf_key("ipv4", &link.name, "proxy_arp")) == Some(1)
                || space.neighs.iter().any(|entry| entry.proxy)
            {
                for family in ["ipv4", "ipv6"] {
                    let key = format!("net/{family}/neigh/{}/proxy_delay", link.name);
                    let _ = network.set_sysctl(&netns, &key, "0");
                }
            }
        }
    }
    Ok(())
}

/// Deletes learned FDB entries at ports that no longer learn and that are locked or get
/// no flooded frames. Such an entry would soon age out, and whether it was learned at all
/// was a race with the first IPv6 frame.
fn forget_leftovers(network: &Network, survey: &Survey) -> Result<(), NetError> {
    for netns in network.all_namespaces()? {
        let Some(space) = survey.space(netns.name()) else { continue };
        let deaf = |link: &Link| {
            link.port.as_ref().is_some_and(|port| !port.learning && (!port.flood || port.locked))
        };
        let learned = space.fdb.iter().filter(|entry| {
            entry.master.is_some()
                && matches!(entry.state.as_str(), "" | "stale")
                && !entry.sticky
                && space.link_at(entry.index).is_some_and(deaf)
        });
        let tool = netns.tool("bridge");
        let gone: Vec<String> =
            learned.map(|entry| format!("{tool} fdb del {} dev {} master", entry.mac, entry.dev)).collect();
        if !gone.is_empty() {
            network.bash(&network.host(), &gone.join("\n"), Limits::default())?;
        }
    }
    Ok(())
}

impl Shot {
    /// Returns how far the probe got, for comparison: whether it was answered, whether
    /// the name was resolved, and how many interfaces its replies, requests, ARP replies
    /// and ARP requests passed.
    pub fn reach(&self) -> [usize; 6] {
        let mut count = [0; 6];
        for point in self.path() {
            for passed in point.seen {
                count[match passed {
                    Passed::Reply => 2,
                    Passed::Request => 3,
                    Passed::ArpReply => 4,
                    Passed::ArpRequest => 5,
                    Passed::Error => continue,
                }] += 1;
            }
        }
        count[0] = usize::from(self.reached);
        count[1] = usize::from(!self.unnamed);
        count
    }

    /// Returns the interfaces where packets passed, in the order of time.
    pub fn path(&self) -> Vec<Waypoint> {
        let mut path: Vec<Waypoint> = Vec::new();
        for seen in &self.sightings {
            let Some(passed) = self.passed(seen) else { continue };
            let point = match path.iter_mut().find(|point| point.ns == seen.netns && point.dev == seen.dev) {
                Some(point) => point,
                None => {
                    path.push(Waypoint { ns: seen.netns.clone(), dev: seen.dev.clone(), seen: Vec::new() });
                    path.last_mut().expect("just pushed")
                }
            };
            if !point.seen.contains(&passed) {
                point.seen.push(passed);
            }
        }
        path
    }

    /// Returns the kind of a captured packet; `None` if it is none of the probe's.
    pub fn passed(&self, seen: &Sighting) -> Option<Passed> {
        let packet = seen.within.as_deref().unwrap_or(&seen.packet);
        Some(match packet {
            SeenPacket::Neighbour { asks: true, .. } => Passed::ArpRequest,
            SeenPacket::Neighbour { asks: false, .. } => Passed::ArpReply,
            SeenPacket::Echo { request: true, .. } => Passed::Request,
            SeenPacket::Echo { request: false, .. } => Passed::Reply,
            SeenPacket::Error { .. } => Passed::Error,
            SeenPacket::Tcp { flags: (true, false, _), .. } => Passed::Request,
            SeenPacket::Tcp { flags: (true, true, _), .. } => Passed::Reply,
            SeenPacket::Tcp { flags: (_, _, true), .. } => Passed::Error,
            SeenPacket::Fragment { .. } => Passed::Request,
            SeenPacket::Udp { ports: (_, 53), .. } if self.unnamed => Passed::Request,
            SeenPacket::Udp { ports: (53, _), .. } if self.unnamed => Passed::Reply,
            SeenPacket::Udp { ports: (from, to), .. } => match self.udp? {
                port if *to == port || is_source_port(*from) => Passed::Request,
                port if *from == port || is_source_port(*to) => Passed::Reply,
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// Tells whether the network may delay a packet: by a queueing discipline, a bridge port
/// that is not forwarding yet, or a program that reads frames.
pub(in crate::why) fn may_be_slow(survey: &Survey) -> bool {
    survey.spaces.iter().any(|space| {
        const HOLDS: [&str; 9] = ["tbf", "htb", "netem", "hfsc", "cbq", "plug", "etf", "taprio", "fq_pie"];
        let queues = space.qdiscs.iter().any(|qdisc| HOLDS.contains(&qdisc.kind.as_str()));
        let learns = |link: &Link| {
            let moves = |state: &str| matches!(state, "listening" | "learning");
            link.up && link.port.as_ref().is_some_and(|port| moves(&port.state))
        };
        let reads = |link: &Link| link.up && link.tun.as_ref().is_some_and(|tun| tun.attached);
        queues || space.links.iter().any(|link| learns(link) || reads(link))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_noise_is_noise() {
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        let seen = |packet, within: Option<SeenPacket>| Sighting {
            netns: "red".into(),
            dev: "eth0".into(),
            index: 2,
            out: true,
            for_another: false,
            time: Duration::ZERO,
            macs: None,
            length: 100,
            packet,
            within: within.map(Box::new),
        };
        let tunnel = |src, dst| SeenPacket::Udp { src: ip(src), dst: ip(dst), ports: (40000, 4789) };
        let error = |src, dst| SeenPacket::Error {
            src: ip(src),
            dst: ip(dst),
            kind: 3,
            code: 3,
            about: Some((ip(dst), ip(src))),
        };
        let asks = SeenPacket::Neighbour { asks: true, sender: ip(101), target: ip(102) };
        let report = SeenPacket::Ip { src: ip(101), dst: ip(102), protocol: 0 };
        let probe = [seen(tunnel(1, 2), Some(asks)), seen(error(2, 1), None)];
        let noise = [seen(tunnel(2, 1), Some(report)), seen(error(1, 2), None)];
        assert_eq!(without_noise([&probe[..], &noise[..]].concat()), probe);
        // An error about a packet that was not seen is kept.
        assert_eq!(without_noise(vec![seen(error(1, 2), None)]).len(), 1);
    }
}
