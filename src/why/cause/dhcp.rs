//! DHCP clients that got no lease: what keeps their question from a server, or its answer from
//! them.

use super::dhcp_words::{client_words, first_address, mask, patience, told_server, values};
use super::page::Page;
use super::rank::{Rank, Tier};
use super::service::{program, start};
use super::{Suspicion, address, firewall, suspect, suspects};
use crate::event::{LabCommand, Probe};
use crate::net::survey::{Address, Space};
use crate::net::{DhcpOffer, SeenPacket, Sighting, Stop};
use crate::why::Cause;
use crate::why::command::say::show;
use crate::why::evidence::Evidence;
use crate::why::evidence::ground::{End, network, transplant};
use crate::why::evidence::typed::Typed;
use crate::why::look::discovery::{Discovery, SERVER_PORT};
use crate::why::look::shot::Shot;
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

/// The port of clients.
const CLIENT_PORT: u16 = 68;

/// The seconds that servers take to find out whether an address is free, and one more.
const CHECKED: u32 = 4;

/// The most causes that are taken over from another question.
const MOST: usize = 3;

/// Suspects what keeps leases from the clients that the lab has run.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    if evidence.destination().is_some_and(|dst| dst.is_ipv6()) {
        return Vec::new();
    }
    let mut clients: Vec<Client> = Vec::new();
    for typed in evidence.typed.iter().rev() {
        let Some(client) = Client::of(evidence, typed) else { continue };
        if !clients.iter().any(|known| known.end.port() == client.end.port()) {
            clients.push(client);
        }
    }
    clients.iter().filter(|client| client.matters()).flat_map(Client::suspects).collect()
}

/// A client that the lab has run, and whose interface has no address.
struct Client<'a> {
    evidence: &'a Evidence<'a>,
    end: End<'a>,
    /// The commands that run it again.
    again: Vec<String>,
    /// The seconds for which it asks, if that is too short for a server.
    hasty: Option<u32>,
}

/// The other questions that tell why a relay and its server don't reach each other.
struct Leg<'a> {
    from: &'a Space,
    to: IpAddr,
    text: String,
}

impl<'a> Client<'a> {
    /// Reads a command; `None` if it runs no client, or its interface is down or has an address.
    fn of(evidence: &'a Evidence<'a>, typed: &'a Typed) -> Option<Self> {
        let words = client_words(typed)?;
        // In a loop, the name of the namespace is a variable's value.
        let known = evidence.survey.space(&typed.ns);
        let space = known.or_else(|| typed.ns.contains('$').then(|| evidence.from()))?;
        let names = |word: &str| {
            let word = word.strip_prefix("--interface=").unwrap_or(word);
            space.link(word).or_else(|| space.link(word.strip_prefix("-i")?))
        };
        let others = || space.links.iter().filter(|link| !link.loopback);
        let only = others().next().filter(|_| others().count() == 1);
        let link = words.iter().rev().find_map(|word| names(word)).or(only)?;
        let end = End { space, link };
        if !link.up || link.master.is_some() || end.addrs(false).next().is_some() {
            return None;
        }
        let line = match known {
            Some(_) => typed.command.command.clone(),
            None => typed.command.command.replace(&typed.ns, &space.name),
        };
        let patience = patience(&words).filter(|(tries, pause)| tries * pause < CHECKED);
        let checks = evidence.survey.spaces.iter().any(|space| listens(space) && checks(evidence, space));
        let (line, hasty) = match patience.filter(|_| checks) {
            Some((tries, pause)) => {
                let more = format!(" -t {}", CHECKED.div_ceil(pause.max(1)) + 1);
                (line.replace(&format!(" -t {tries}"), &more), Some(tries * pause))
            }
            None => (line, None),
        };
        let mut again = vec![line];
        if let Some(line) = again[0].trim_end().strip_suffix('&').map(String::from) {
            // It ends when it has a lease.
            if words.contains(&"-q") && words.contains(&"-n") {
                again = vec![line.trim_end().into()];
            } else {
                let show = format!("{} -4 addr show dev {}", evidence.ip(&space.name), link.name);
                again.push(format!(
                    "for i in $(seq 50); do {show} | grep -q inet && break; sleep 0.1; done; sleep 0.2"
                ));
            }
        }
        Some(Self { evidence, end, again, hasty })
    }

    /// Tells whether the interface is on the way, or nobody has the address that is asked for.
    fn matters(&self) -> bool {
        let Self { evidence, end, .. } = self;
        let on_the_way = || {
            let mut links = evidence.links_on_the_way().into_iter();
            links.any(|(space, link)| (space.name.as_str(), link.index) == end.port())
        };
        let unknown = evidence.destination().is_none_or(|dst| evidence.ground.owners(dst).is_empty());
        on_the_way() || unknown || end.space.name == evidence.probe.from
    }

    fn suspects(&self) -> Vec<Suspicion> {
        let Self { evidence, end, .. } = self;
        let asked = evidence.kernel.discover(&end.space.name, &end.link.name, evidence.survey);
        let Some(found) = asked else { return Vec::new() };
        if let Some(offer) = &found.offer {
            return vec![self.offered(offer)];
        }
        let barred = self.barred(&found);
        if !barred.is_empty() {
            return barred;
        }
        let near = evidence.ground.neighbours(&end.space.name, end.link);
        let serving: Vec<End> = near
            .into_iter()
            .filter(|near| near.space.name != end.space.name && serves(near.space, &near.link.name))
            .collect();
        if serving.is_empty() {
            return vec![self.nobody()];
        }
        // Other finders explain a question that is lost on the wire.
        let came = |near: &&End| {
            let is_it = |seen: &Sighting| !seen.out && seen.dev == near.link.name && is_question(seen);
            found.shot.sightings.iter().any(|seen| seen.netns == near.space.name && is_it(seen))
        };
        serving.iter().filter(came).flat_map(|near| self.unanswered(*near, &found)).collect()
    }

    fn name(&self) -> String {
        format!("the DHCP client of {} got no lease for {}", self.end.space.name, self.end.link.name)
    }

    /// Tells that the client asks for too short a time.
    fn haste(&self) -> String {
        self.hasty.map_or_else(String::new, |seconds| {
            format!(
                "; it asks for {seconds} s, and the server takes up to 3 s to see that an address is free"
            )
        })
    }

    fn found(&self, text: String, fix: Vec<String>, rank: Rank) -> Suspicion {
        let Self { evidence, end, .. } = self;
        let place = format!("{}: {}", end.space.name, end.link.name);
        let text = format!("{}: {text}", self.name());
        let mut suspect = suspect(Cause::DhcpNoLease, place, text, fix);
        suspect.evidence =
            vec![format!("{} -4 addr show dev {}", evidence.ip(&end.space.name), end.link.name)];
        Suspicion { rank, sure: false, suspect }
    }

    /// Returns a suspect that was found by another question, with a cure that runs the client
    /// again, unless the answer would be lost.
    fn adopted(&self, one: Suspicion, text: &str, order: usize, is_run_again: bool) -> Suspicion {
        let Suspicion { sure, mut suspect, .. } = one;
        suspect.text = format!("{}: {text}{}", self.name(), suspect.text);
        suspect.id = Cause::DhcpNoLease.id().into();
        if is_run_again {
            suspect.text += &self.haste();
            for fix in suspect.narrower.iter_mut().chain([&mut suspect.fix]) {
                fix.extend(self.again.iter().cloned());
            }
        }
        Suspicion { rank: Tier::Named.exact().near(-(order.min(100) as i8)), sure, suspect }
    }

    /// Suspects that the client has asked too early.
    fn offered(&self, offer: &DhcpOffer) -> Suspicion {
        let DhcpOffer { server, address } = offer;
        let owners = self.evidence.ground.owners(IpAddr::V4(*server));
        let owner = owners.first().map(|(space, _)| format!(" ({})", space.name)).unwrap_or_default();
        let text = format!(
            "{server}{owner} offers it {address} now; the client has asked before that server could answer, or did not wait for it{}",
            self.haste()
        );
        self.found(text, self.again.clone(), Tier::Named.close())
    }

    /// Suspects firewalls that stopped the question or the answer where it counts.
    fn barred(&self, found: &Discovery) -> Vec<Suspicion> {
        let Self { evidence, end, .. } = self;
        let commands = self.other_commands();
        let probe = Probe { udp: Some(SERVER_PORT), ..Probe::to(&end.space.name, "255.255.255.255") };
        let Evidence { kernel, survey, .. } = evidence;
        let about = Evidence::new(*kernel, survey, &commands, &probe, &found.shot);
        let matters = |space: &Space, stop: &Stop| {
            let is_dhcp = stop.packet.proto == Some(17)
                && stop.packet.dport.is_some_and(|port| port == SERVER_PORT || port == CLIENT_PORT);
            let hook = stop.hook.as_deref().unwrap_or_default();
            // A host that is asked as all others are, and serves nobody, may drop it.
            let passes_on = !hook.ends_with("input") && space.links.iter().any(|link| link.master.is_some());
            let is_link = stop.culprit.as_ref().is_some_and(|culprit| culprit.family == "netdev");
            let counts = hook.ends_with("forward") || passes_on || is_link || listens(space);
            // Clients read frames before rules see them.
            is_dhcp && counts && (space.name != end.space.name || hook.ends_with("forward"))
        };
        // The answer to a question that no rule accepts meets no rule that accepts it, either.
        let loses_answer = Cell::new(false);
        let noted = |space: &Space, stop: &Stop| {
            let counts = matters(space, stop);
            if counts && stop.packet.dport == Some(SERVER_PORT) {
                loses_answer.set(loses_answer.get() || is_closed_for_answers(&found.shot, space, stop));
            }
            counts
        };
        let mut barred = firewall::blocked(&about, noted);
        super::rank::sort(&mut barred);
        let accepts = |one: &Suspicion| {
            let mut fix = one.suspect.fix.iter();
            fix.any(|command| command.to_lowercase().contains("accept") && !command.contains(" -D "))
        };
        let adopt = |(at, one): (usize, Suspicion)| {
            let is_run_again = !(loses_answer.get() && accepts(&one));
            self.adopted(one, "", at, is_run_again)
        };
        barred.into_iter().enumerate().map(adopt).collect()
    }

    /// Suspects that nobody serves the wire; a fixed address is a cure.
    fn nobody(&self) -> Suspicion {
        let Self { evidence, end, .. } = self;
        let elsewhere: Vec<&str> = evidence
            .survey
            .spaces
            .iter()
            .filter(|space| space.name != end.space.name && listens(space))
            .map(|space| space.name.as_str())
            .collect();
        let but = match elsewhere.is_empty() {
            true => String::new(),
            false => {
                format!(
                    "; {} listens for DHCP on other wires, and no relay leads there",
                    elsewhere.join(", ")
                )
            }
        };
        self.with_fixed_address(format!(
            "nobody on its wire listens at UDP port 67, no DHCP server and no relay{but}"
        ))
    }

    /// Returns a suspect whose cure is a fixed address, if there is one to give.
    fn with_fixed_address(&self, text: String) -> Suspicion {
        let Self { evidence, end, .. } = self;
        let place = format!("{}: {}", end.space.name, end.link.name);
        let missing = |one: &Suspicion| one.suspect.id == Cause::AddressMissing && one.suspect.place == place;
        let fixed = address::find(evidence).into_iter().find(missing);
        let rank = if fixed.is_some() { Tier::Named.exact() } else { Tier::Here.exact() };
        let fix = fixed.map(|one| one.suspect.fix).unwrap_or_default();
        let text = match fix.is_empty() {
            true => text,
            false => format!("{text}; without one, it needs a fixed address"),
        };
        self.found(text, fix, rank)
    }

    /// Suspects a server or relay that got the question.
    fn unanswered(&self, near: End<'a>, found: &Discovery) -> Vec<Suspicion> {
        let Self { evidence, .. } = self;
        let relayed = found.shot.sightings.iter().find_map(|seen| match seen.packet {
            SeenPacket::Udp { dst, ports: (SERVER_PORT, SERVER_PORT), .. } => {
                (seen.out && seen.netns == near.space.name).then_some(dst)
            }
            _ => None,
        });
        let words = program(evidence, near.space, SERVER_PORT, Some("dnsmasq")).unwrap_or_default();
        let Some(server) = relayed.or_else(|| told_server(&words)) else {
            return vec![self.silent(near, near, &words)];
        };
        let relay = &near.space.name;
        let owner = evidence.ground.owners(server).into_iter().map(|(space, _)| space);
        let Some(owner) = owner.into_iter().find(|space| space.name != *relay) else {
            let text = format!("{relay} relays it to {server}, which nobody has");
            return vec![self.with_fixed_address(text)];
        };
        let arrived = found.shot.sightings.iter().any(|seen| {
            seen.netns == owner.name
                && !seen.out
                && matches!(seen.packet, SeenPacket::Udp { dst, ports: (_, SERVER_PORT), .. } if dst == server)
        });
        if !arrived {
            let text = format!("{relay} relays it to {server}, and does not reach that: ");
            return self.leg(&Leg { from: near.space, to: server, text });
        }
        if !listens(owner) {
            let text = format!("{relay} relays it to {server}, and {} listens at no UDP port 67", owner.name);
            return vec![self.with_fixed_address(text)];
        }
        // The server answers the relay's address on the client's wire (giaddr).
        if let Some(giaddr) = near.addrs(false).next() {
            let text = format!(
                "{relay} relays it to {} at {server}, which has to answer {relay}'s {}, and does not reach that: ",
                owner.name, giaddr.ip
            );
            let found = self.leg(&Leg { from: owner, to: giaddr.ip, text });
            if !found.is_empty() {
                return found;
            }
        }
        let end = evidence.ground.ends().find(|end| {
            let mut addrs = end.addrs(false);
            end.space.name == owner.name && addrs.any(|addr| addr.ip == server)
        });
        let words = program(evidence, owner, SERVER_PORT, Some("dnsmasq")).unwrap_or_default();
        end.map(|end| self.silent(end, near, &words)).into_iter().collect()
    }

    /// Suspects the causes for which one namespace does not reach an address; none if it does.
    fn leg(&self, leg: &Leg) -> Vec<Suspicion> {
        let Evidence { kernel, survey, .. } = self.evidence;
        let probe = Probe::to(&leg.from.name, &leg.to.to_string());
        let shot = kernel.shoot(&probe, survey).filter(|shot| !shot.reached);
        let Some(shot) = shot else { return Vec::new() };
        // Without the commands that run clients, no client is asked about.
        let commands = self.other_commands();
        let about = Evidence::new(*kernel, survey, &commands, &probe, &shot);
        let mut found = suspects(&about);
        found.retain(|one| one.rank.tier >= Tier::OnTheWay && !one.suspect.fix.is_empty());
        found.truncate(MOST);
        found.into_iter().enumerate().map(|(at, one)| self.adopted(one, &leg.text, at, true)).collect()
    }

    /// Returns the lab's commands, but those that run clients.
    fn other_commands(&self) -> Vec<LabCommand> {
        let clients: Vec<&LabCommand> = self
            .evidence
            .typed
            .iter()
            .filter(|typed| client_words(typed).is_some())
            .map(|typed| typed.command)
            .collect();
        let commands = self.evidence.lab_commands.iter();
        commands.filter(|command| !clients.contains(command)).cloned().collect()
    }

    /// Suspects a server that got the question at one end, from a client on the wire of another
    /// one, and offers nothing.
    fn silent(&self, end: End<'a>, near: End<'a>, words: &[String]) -> Suspicion {
        let name = &end.space.name;
        let first = words.first().map(|word| word.rsplit('/').next().unwrap_or(word).to_string());
        let who = first.unwrap_or_else(|| "a program".into());
        let text = format!("{name} gets its question by {}, where {who} offers nothing", end.link.name);
        let served: Vec<&Address> = near.addrs(false).collect();
        if who != "dnsmasq" {
            return self.with_fixed_address(format!("{text}: look at its configuration and its log"));
        }
        let range =
            values(words, "--dhcp-range", "-F").find_map(|value| Some((value, first_address(value)?)));
        let Some((value, first)) = range else {
            return self.with_fixed_address(format!("{text}: it was started without a --dhcp-range"));
        };
        let len = value.split(',').find_map(mask).unwrap_or(24);
        let dev = end.link.name.as_str();
        if let ([], true) = (&served[..], end.port() == near.port()) {
            let own = transplant(first.into(), len, Ipv4Addr::new(0, 0, 0, 1).into());
            let text =
                format!("{text}: {dev} has no address, so that the range from {first} is not of its network");
            let mut fix = vec![format!("{} addr add {own}/{len} dev {dev}", self.evidence.ip(name))];
            fix.extend(self.again.iter().cloned());
            return self.found(text, fix, Tier::Named.exact());
        }
        let serves = |dev: &str| {
            let mut only = values(words, "--interface", "-i").flat_map(|value| value.split(',')).peekable();
            only.peek().is_none() || only.any(|only| only == dev)
        };
        if !serves(dev) {
            let only: Vec<&str> = values(words, "--interface", "-i").collect();
            let text = format!("{text}: it serves {} only (--interface)", only.join(", "));
            let mut words = words.to_vec();
            words.push(format!("--interface={dev}"));
            return self.found(text, self.started_anew(end.space, &words), Tier::Named.exact());
        }
        let own = |addr: &&&Address| network(addr.ip, addr.prefix_len).contains(first.into());
        match (served.iter().find(own), served.first()) {
            (None, Some(addr)) => {
                let net = network(addr.ip, addr.prefix_len);
                let text = format!(
                    "{text}: its range from {first} is not of {net}, the network of {}'s {} on {}",
                    near.space.name,
                    show(addr),
                    near.link.name
                );
                let moved = |part: &str| match part.parse::<Ipv4Addr>() {
                    Ok(ip) if mask(part).is_none() => transplant(net.ip, net.len, ip.into()).to_string(),
                    _ => part.to_string(),
                };
                let right: Vec<String> = value.split(',').map(moved).collect();
                let right = right.join(",");
                let words: Vec<String> = words.iter().map(|word| word.replace(value, &right)).collect();
                self.found(text, self.started_anew(end.space, &words), Tier::Named.exact())
            }
            _ => self.with_fixed_address(format!("{text}: look at its configuration and its log")),
        }
    }

    /// Returns the commands that end the server, start it with these words, and run the client
    /// again.
    fn started_anew(&self, space: &Space, words: &[String]) -> Vec<String> {
        let pids = format!("ip netns pids {}", space.name);
        let mut fix = vec![format!(
            "for pid in $({pids}); do grep -q '^dnsmasq' /proc/$pid/comm && kill $pid; done; sleep 0.3"
        )];
        fix.extend(start(self.evidence, space, words));
        fix.extend(self.again.iter().cloned());
        fix
    }
}

/// Tells whether a server finds out if an address is free before it offers that.
fn checks(evidence: &Evidence, space: &Space) -> bool {
    let commands = evidence.kernel.processes(&space.name);
    commands.iter().any(|command| {
        let pings = command.contains("dnsmasq") && command.contains("dhcp-range");
        command.contains("udhcpd") || pings && !command.contains("--no-ping")
    })
}

/// Tells whether a program listens for DHCP, perhaps on another interface.
fn listens(space: &Space) -> bool {
    space.listeners.iter().any(|one| one.proto == "udp" && one.port == SERVER_PORT)
}

/// Tells whether a program listens for DHCP on an interface.
fn serves(space: &Space, dev: &str) -> bool {
    space.listeners.iter().any(|one| {
        let there = one.dev.as_deref().is_none_or(|bound| bound == dev);
        one.proto == "udp" && one.port == SERVER_PORT && there
    })
}

/// Tells whether the answer to a question that was stopped would be stopped as well.
fn is_closed_for_answers(shot: &Shot, space: &Space, stop: &Stop) -> bool {
    let Some(wall) = shot.walls.iter().find(|wall| wall.netns == space.name) else { return false };
    match stop.hook.as_deref().unwrap_or_default() {
        hook if hook.ends_with("forward") => stop.packet.dst == Some(Ipv4Addr::BROADCAST.into()),
        hook if hook.ends_with("input") => wall.after.rules.iter().any(|rule| {
            let is_out = rule.hook.as_deref() == Some("output") && rule.family != "arp";
            rule.policy && is_out && rule.family != "ip6" && rule.stops()
        }),
        _ => false,
    }
}

/// Tells whether a packet is a client's.
fn is_question(seen: &Sighting) -> bool {
    matches!(seen.packet, SeenPacket::Udp { ports: (CLIENT_PORT, SERVER_PORT), .. })
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::DhcpNoLease,
    title: "a DHCP client got no lease, so its interface has no address",
    symptom: "`Network is unreachable` from the start; the client said `no lease, failing`, or still asks.",
    cause: "A client asks with a broadcast to UDP port 67, from 0.0.0.0. A server on the same wire has to hear it: its INPUT chain counts, whereas rules for outgoing packets never see the client's frames, nor do those of its own INPUT see the answer. A server elsewhere needs a relay on the wire, and answers the relay's address there, so it needs a route back to it. A server offers only addresses of the network of that wire.",
    evidence: "Who listens, and does the question arrive there?\n  ip netns exec SERVER ss -ulnp\n  ip netns exec SERVER tcpdump -ni DEV port 67 or port 68\n  ip -n SERVER route get RELAY",
    cure: "Let the question in, or the relay's server answer, and run the client again:\n  ip netns exec SERVER iptables -A INPUT -i DEV -p udp --dport 67 -j ACCEPT\n  ip -n SERVER route add NETWORK/LEN via ROUTER\n  ip netns exec NS udhcpc -i DEV",
}];
