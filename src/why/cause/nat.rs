//! NAT: addresses that are rewritten wrongly, not at all, or too often.

use super::masquerade::{self, family, listens, ports, request_at, source_nat};
use super::page::Page;
use super::rank::{Rank, Tier};
use super::service;
use super::unlisted;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{Net, Space, conf_key};
use crate::net::{Backend, Culprit, FirewallRule, Sighting, nft_command, typed};
use crate::why::Cause;
use crate::why::command::ruling::Ruling;
use crate::why::command::slip::resembles;
use crate::why::evidence::Evidence;
use crate::why::evidence::fib;
use crate::why::evidence::ground::{network, transplant};
use crate::why::look::gate::Gate;
use crate::why::look::shot::Wall;
use crate::why::look::translation::{Rewrites, aim, before_aim, rewrites};
use std::net::IpAddr;

/// Suspects rules that rewrite addresses, and the lack of one.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for wall in &evidence.shot.walls {
        let Some(space) = evidence.survey.space(&wall.netns) else { continue };
        // Rules of the family bridge rewrite hardware addresses.
        let rules = wall.after.rules.iter().filter(|rule| !rule.policy && rule.family != "bridge");
        let all = rules.map(|rule| Nat { evidence, wall, space, rule, ruling: Ruling::of(rule) });
        let all: Vec<(Rewrites, Nat)> = all.filter_map(|nat| Some((rewrites(nat.rule)?, nat))).collect();
        let met = |kind: Rewrites| all.iter().any(|(of, nat)| *of == kind && wall.has_met(nat.rule));
        if !met(Rewrites::Destination) {
            found.extend(unlisted::find(evidence, wall, space));
        }
        for (kind, nat) in &all {
            match (kind, wall.has_met(nat.rule)) {
                (Rewrites::Destination, true) => found.extend(nat.sent_elsewhere()),
                (Rewrites::Source, true) => {
                    found.extend(nat.foreign_source());
                    found.extend(nat.lost_track());
                }
                // Another rule has translated the packet already.
                (kind, false) if met(*kind) => {}
                (kind, false) => found.extend(nat.near_miss(*kind)),
            }
        }
    }
    let missing = masquerade::missing(evidence);
    // If a rule was meant to translate the source, that rule is wrong, and none is
    // missing.
    if let Some(sure) = missing.first().map(|one| one.rank) {
        let slips = found.iter_mut().filter(|one| one.suspect.id.starts_with("masquerade-"));
        slips.for_each(|slip| slip.rank = slip.rank.max(sure));
    }
    found.extend(missing);
    found
}

/// A NAT rule.
pub(super) struct Nat<'a> {
    pub evidence: &'a Evidence<'a>,
    pub wall: &'a Wall,
    pub space: &'a Space,
    pub rule: &'a FirewallRule,
    pub ruling: Ruling,
}

impl Nat<'_> {
    pub fn found(&self, id: Cause, text: String, fix: Vec<String>, rank: Rank) -> Suspicion {
        let place = format!("{}: chain {}", self.wall.netns, self.rule.chain);
        let mut suspect = suspect(id, place, text, fix);
        if let Some(netns) = self.evidence.netns(&self.wall.netns) {
            suspect.evidence = vec![Culprit::from(self.rule).show_command(&netns)];
        }
        Suspicion { rank, sure: false, suspect }
    }

    /// Describes the rule.
    pub fn name(&self) -> String {
        format!("the rule `{}` of chain {} in {}", self.rule.spec, self.rule.chain, self.wall.netns)
    }

    fn delete(&self) -> Vec<String> {
        let netns = self.evidence.netns(&self.wall.netns);
        netns.map(|netns| Culprit::from(self.rule).delete_command(&netns)).into_iter().collect()
    }

    pub fn replace(&self, words: &str) -> Vec<String> {
        let rule = self.rule;
        let (table, chain) = (typed(&rule.table), typed(&rule.chain));
        let command = match (rule.backend, rule.handle, rule.number) {
            (Backend::Nft, Some(handle), _) => {
                nft_command(&format!("replace rule {} {table} {chain} handle {handle} {words}", rule.family))
            }
            (backend, _, Some(number)) => {
                format!("{} -t {table} -R {chain} {number} {words}", backend.tool(&rule.family))
            }
            _ => return Vec::new(),
        };
        vec![self.evidence.exec(&self.wall.netns, &command)]
    }

    fn aimed(&self, ip: Option<IpAddr>, port: Option<u16>) -> Vec<String> {
        let aim = match (ip, port) {
            (Some(IpAddr::V6(ip)), Some(port)) => format!("[{ip}]:{port}"),
            (Some(ip), Some(port)) => format!("{ip}:{port}"),
            (Some(ip), None) => ip.to_string(),
            (None, Some(port)) if self.rule.backend == Backend::Nft => format!(":{port}"),
            (None, Some(port)) => port.to_string(),
            (None, None) => return Vec::new(),
        };
        self.ruling
            .with_after(before_aim(self.rule), &aim)
            .map(|words| self.replace(&words))
            .unwrap_or_default()
    }

    /// Suspects a DNAT rule that the probe has met: its target, its port, or the way of
    /// the answer.
    fn sent_elsewhere(&self) -> Vec<Suspicion> {
        let evidence = self.evidence;
        if let Some(net) = self.ruling.after("--to").and_then(Net::parse) {
            return self.mapped(net);
        }
        let mut found = Vec::new();
        let (to, to_port) = match (aim(self.rule), &evidence.gate) {
            // A map has many targets; the one that is being resolved now is this
            // packet's.
            ((None, port), Gate::Resolve { asker, wanted, .. })
                if *asker == self.space.name && self.rule.spec.contains(&wanted.to_string()) =>
            {
                (Some(*wanted), port)
            }
            (aim, _) => aim,
        };
        let port = to_port.or(evidence.probe.tcp);
        let asked = evidence.shot.target;
        // The original target is another namespace's address, and exists.
        let others = asked.map(|ip| evidence.ground.owners(ip)).unwrap_or_default();
        if let Some((owner, _)) = others.iter().find(|(owner, _)| owner.name != self.space.name) {
            let text = format!(
                "{} catches what is meant for {} ({}) and sends it to {}: it says neither for whom nor for what it is",
                self.name(),
                asked.map(|ip| ip.to_string()).unwrap_or_default(),
                owner.name,
                to.map_or_else(|| self.wall.netns.clone(), |ip| ip.to_string())
            );
            found.push(self.found(Cause::DnatCatchesTooMuch, text, self.delete(), Tier::Named.exact()));
        }
        let Some(to) = to else {
            found.extend(self.redirected(port));
            return found;
        };
        let owners = evidence.ground.owners(to);
        if to.is_loopback() {
            let dev = self.came_by().map_or("all".to_string(), |seen| seen.dev.clone());
            let key = conf_key("ipv4", &dev, "route_localnet");
            let text = format!(
                "{} sends to {to}, and what comes from outside may not go to 127.0.0.0/8 (a martian destination) while {key} is 0",
                self.name()
            );
            found.push(self.found(
                Cause::DnatToLoopback,
                text,
                vec![evidence.sysctl(&self.space.name, &key, "1")],
                Tier::Named.exact(),
            ));
            return found;
        }
        if owners.is_empty() {
            let likely = self.likely(to, port);
            // With nothing that it may be meant for, the rule is not meant at all.
            let needless = if likely.is_empty() { Tier::Named.close() } else { Tier::Here.plain() };
            for (ip, rank) in likely {
                let text =
                    format!("{} sends to {to}, which nobody has; {} has {ip}", self.name(), self.owner(ip));
                found.push(self.found(
                    Cause::DnatWrongAddress,
                    text,
                    match aim(self.rule) {
                        (None, _) => self.replace(&with_word(&self.ruling.typed(), to, ip)),
                        _ => self.aimed(Some(ip), to_port),
                    },
                    rank,
                ));
            }
            let text = format!("{} sends to {to}, which nobody has", self.name());
            found.push(self.found(Cause::DnatWrongAddress, text, self.delete(), needless));
            return found;
        }
        let own = evidence.from().addrs.iter().any(|addr| addr.ip == to);
        let there = owners.iter().find(|(space, _)| space.name != self.space.name).or(owners.first());
        if let (Some(_), Some(port), Some((there, _))) = (evidence.probe.tcp, port, there)
            && !listens(there, to, port)
        {
            for other in ports(there, to) {
                let text = format!(
                    "{} sends to port {port} of {to} ({}), where nobody listens: the service there has port {other}",
                    self.name(),
                    there.name
                );
                found.push(self.found(
                    Cause::DnatWrongPort,
                    text,
                    self.aimed(Some(to), Some(other)),
                    Tier::Named.close(),
                ));
            }
            for (ip, rank) in self.likely(to, Some(port)).into_iter().filter(|(ip, _)| *ip != to) {
                let text = format!(
                    "{} sends to {to} ({}), where nobody listens on port {port}: {} ({ip}) does",
                    self.name(),
                    there.name,
                    self.owner(ip)
                );
                found.push(self.found(Cause::DnatWrongAddress, text, self.aimed(Some(ip), to_port), rank));
            }
        }
        // The answer has to come back through this namespace to be translated back.
        let asker = self.came_by().and_then(|seen| seen.packet.ends()).map(|(src, _)| src);
        if let Some(asker) = asker.filter(|_| self.space.name != evidence.probe.from) {
            let near = self.space.addrs.iter().find(|addr| {
                network(addr.ip, addr.prefix_len) == network(to, addr.prefix_len)
                    && network(addr.ip, addr.prefix_len) == network(asker, addr.prefix_len)
            });
            let (src, why, rank) = match (own, near) {
                (true, _) => (
                    Some(to.to_string()),
                    format!(
                        "sends {asker} back to itself: a packet with one's own source address is discarded (martian source)"
                    ),
                    Tier::Named.close(),
                ),
                (_, Some(addr)) => (
                    Some(network(addr.ip, addr.prefix_len).to_string()),
                    format!(
                        "sends {asker} to {to}, which is in the same network: the answer goes to {asker} directly, past the NAT, from an address that was never asked (hairpin NAT)"
                    ),
                    Tier::Named.close(),
                ),
                _ => (
                    None,
                    format!(
                        "sends {asker} to {to}, and the answer does not come back by {}",
                        self.wall.netns
                    ),
                    Tier::Odd.plain(),
                ),
            };
            let fix = match (self.rule.backend, &src) {
                (Backend::Nft, Some(src)) => format!("ip saddr {src} ip daddr {to} masquerade"),
                (Backend::Nft, None) => format!("ip daddr {to} masquerade"),
                (_, Some(src)) => format!("-s {src} -d {to} -j MASQUERADE"),
                (_, None) => format!("-d {to} -j MASQUERADE"),
            };
            let text = format!("{} {why}; it needs MASQUERADE as well", self.name());
            let fix = source_nat(evidence, self.wall, self.rule.backend, family(to), &fix);
            found.push(self.found(Cause::HairpinWithoutMasquerade, text, fix, rank));
        }
        found
    }

    /// Suspects NETMAP if the mapped address does not exist.
    fn mapped(&self, net: Net) -> Vec<Suspicion> {
        let Some(asked) = self.evidence.shot.target else { return Vec::new() };
        let to = transplant(net.ip, net.len, asked);
        if !self.evidence.ground.owners(to).is_empty() {
            return Vec::new();
        }
        let others = self.evidence.survey.spaces.iter().filter(|space| space.name != self.space.name);
        let mut nets: Vec<Net> = others
            .filter(|space| space.name != self.evidence.probe.from)
            .flat_map(|space| &space.addrs)
            .map(|addr| network(addr.ip, net.len))
            .filter(|other| !self.evidence.ground.owners(transplant(other.ip, net.len, asked)).is_empty())
            .collect();
        nets.dedup();
        let one = |right: Net| {
            let ip = transplant(right.ip, net.len, asked);
            let text = format!(
                "{} maps {asked} to {to}, which nobody has; {} has {ip}: the network {right} was meant, not {net}",
                self.name(),
                self.owner(ip)
            );
            let fix = self.ruling.with_after("--to", &right.to_string()).map(|words| self.replace(&words));
            self.found(Cause::DnatWrongAddress, text, fix.unwrap_or_default(), Tier::Named.exact())
        };
        nets.into_iter().map(one).collect()
    }

    /// Suspects a rule that redirects to this host itself, where nothing listens on the
    /// port.
    fn redirected(&self, port: Option<u16>) -> Vec<Suspicion> {
        let Some(port) = port.filter(|_| self.evidence.probe.tcp.is_some()) else { return Vec::new() };
        let tcp = self.space.listeners.iter().filter(|one| one.proto == "tcp");
        if tcp.clone().any(|one| one.port == port && !one.ip.is_loopback()) {
            return Vec::new();
        }
        // The service listens on the loopback address only.
        if let (Some(one), Some(ip)) = (tcp.clone().find(|one| one.port == port), self.evidence.shot.target) {
            return service::elsewhere(self.evidence, self.space, one, ip);
        }
        let other = tcp.filter(|one| !one.ip.is_loopback()).map(|one| {
            let text = format!(
                "{} sends to port {port} of {} itself, where nobody listens: the service there has port {}",
                self.name(),
                self.wall.netns,
                one.port
            );
            self.found(Cause::DnatWrongPort, text, self.aimed(None, Some(one.port)), Tier::Named.close())
        });
        other.collect()
    }

    fn owner(&self, ip: IpAddr) -> String {
        self.evidence.ground.owners(ip).first().map_or_else(String::new, |(space, _)| space.name.clone())
    }

    /// Returns addresses that may have been meant by a wrong one, each with its rank: those in its
    /// network or with the service.
    fn likely(&self, wrong: IpAddr, port: Option<u16>) -> Vec<(IpAddr, Rank)> {
        let own = self
            .space
            .addrs
            .iter()
            .find(|addr| network(addr.ip, addr.prefix_len) == network(wrong, addr.prefix_len));
        let mut likely: Vec<(bool, bool, IpAddr)> = Vec::new();
        for space in self.evidence.survey.spaces.iter().filter(|space| space.name != self.space.name) {
            for addr in space.addrs.iter().filter(|addr| addr.ip.is_ipv4() == wrong.is_ipv4()) {
                let near = own
                    .is_some_and(|own| network(own.ip, own.prefix_len) == network(addr.ip, own.prefix_len));
                let serves = port.is_some_and(|port| listens(space, addr.ip, port));
                let asks = space.name == self.evidence.probe.from;
                // The wrong address is of a network here: what does not resemble it is not meant.
                let is_unlike = own.is_some() && !near && !resembles(addr.ip, wrong);
                if !addr.ip.is_loopback()
                    && !asks
                    && !is_unlike
                    && (near || serves)
                    && (self.evidence.probe.tcp.is_none() || serves)
                {
                    likely.push((!serves, !near, addr.ip));
                }
            }
        }
        likely.sort();
        let rank = |far: bool| if far { Tier::OnTheWay.plain() } else { Tier::Named.exact() };
        likely.into_iter().map(|(_, far, ip)| (ip, rank(far))).take(3).collect()
    }

    /// Returns the probe's request as it arrived in this namespace.
    fn came_by(&self) -> Option<&Sighting> {
        // With br_netfilter, a packet is translated at a bridge's port already.
        let at_port = || {
            let mut seen = self.evidence.shot.sightings.iter();
            let is_request = |seen: &Sighting| self.evidence.shot.passed(seen) == Some(Passed::Request);
            seen.find(|seen| seen.netns == self.space.name && !seen.out && is_request(seen))
        };
        request_at(self.evidence, &self.space.name, false).or_else(at_port)
    }

    /// Suspects SNAT to an address that is not this namespace's, or to which there is no
    /// way back.
    fn foreign_source(&self) -> Vec<Suspicion> {
        let word = if self.rule.backend == Backend::Nft { "to" } else { "--to-source" };
        let Some(source) = self.ruling.after(word).and_then(|word| word.parse::<IpAddr>().ok()) else {
            return Vec::new();
        };
        let left = request_at(self.evidence, &self.space.name, true);
        let link = left.and_then(|seen| self.space.link(&seen.dev));
        let own = self.space.addrs.iter().find(|addr| {
            link.is_some_and(|link| link.index == addr.index) && addr.ip.is_ipv4() == source.is_ipv4()
        });
        let Some(own) = own else { return self.beside_a_bridge(source) };
        let knows = |space: &Space| fib::best(space, 254, source).is_some_and(fib::is_usable);
        let why = match self.space.addrs.iter().find(|addr| addr.ip == source) {
            None => format!(
                "which {} does not have, so that answers go to nobody or to somebody else",
                self.wall.netns
            ),
            Some(inner)
                if inner.index != own.index && !self.evidence.targets().iter().any(|space| knows(space)) =>
            {
                format!("its address on {}, to which nobody out there has a way back", inner.dev)
            }
            Some(_) => return Vec::new(),
        };
        let text = format!(
            "{} gives packets the source {source}, {why}; its own address there is {}",
            self.name(),
            own.ip
        );
        let fix = self
            .ruling
            .with_after(word, &own.ip.to_string())
            .map(|words| self.replace(&words))
            .unwrap_or_default();
        vec![self.found(Cause::SnatForeignAddress, text, fix, Tier::Named.close())]
    }

    /// Suspects SNAT of frames that only pass a bridge here.
    fn beside_a_bridge(&self, source: IpAddr) -> Vec<Suspicion> {
        if !self.evidence.ground.owners(source).is_empty() {
            return Vec::new();
        }
        let text = format!(
            "{} gives packets that only pass a bridge there the source {source}, which nobody has: answers go nowhere",
            self.name()
        );
        vec![self.found(Cause::SnatForeignAddress, text, self.delete(), Tier::Named.plain())]
    }
}

/// Returns a rule's words with one address replaced by another.
fn with_word(words: &str, old: IpAddr, new: IpAddr) -> String {
    let old = old.to_string();
    let swap = |word: &str| match word.trim_end_matches(',') == old {
        true => word.replace(&old, &new.to_string()),
        false => word.to_string(),
    };
    words.split(' ').map(swap).collect::<Vec<_>>().join(" ")
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::DnatCatchesTooMuch,
        title: "DNAT rewrites what was meant for somebody else",
        symptom: "Somebody who is there is not reached; others' addresses show up in errors.",
        cause: "A DNAT rule without destination, port or interface rewrites every new connection that comes by.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Delete the rule, or say for whom it is:\n  ip netns exec NS iptables -t nat -D PREROUTING RULE",
    },
    Page {
        id: Cause::DnatToLoopback,
        title: "DNAT to 127.0.0.1 from outside",
        symptom: "Silence: the packet is discarded as a martian one.",
        cause: "Packets that come in by a wire may not go to 127.0.0.0/8, unless route_localnet is set.",
        evidence: "The switch of the interface by which it comes:\n  ip netns exec NS sysctl net.ipv4.conf.eth0.route_localnet",
        cure: "Allow it, or send to an address of the interface:\n  ip netns exec NS sysctl -w net.ipv4.conf.eth0.route_localnet=1",
    },
    Page {
        id: Cause::DnatWrongAddress,
        title: "DNAT sends to an address where the service is not",
        symptom: "`No route to host`, or a refused connection.",
        cause: "The address behind `--to-destination` has a slip, or is another host's.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Correct it:\n  ip netns exec NS iptables -t nat -R PREROUTING NUMBER RULE",
    },
    Page {
        id: Cause::DnatWrongPort,
        title: "DNAT sends to a port where nobody listens",
        symptom: "`Connection refused`, said by the host behind the NAT.",
        cause: "The port behind the address is not the service's.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L\n  ip netns exec SERVER ss -tln",
        cure: "Correct it:\n  ip netns exec NS iptables -t nat -R PREROUTING NUMBER RULE",
    },
    Page {
        id: Cause::HairpinWithoutMasquerade,
        title: "DNAT back to where the packet came from",
        symptom: "Silence or a reset: the answer comes from an address that was not asked.",
        cause: "The server answers its neighbour directly, past the NAT, which can't translate the answer back. Sent back to the asker itself, the packet has its own source and is a martian one.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L",
        cure: "Translate the source as well, so that the answer comes back by the NAT:\n  iptables -t nat -A POSTROUTING -s NET -d SERVER -j MASQUERADE",
    },
    Page {
        id: Cause::SnatForeignAddress,
        title: "SNAT to an address that the router does not have",
        symptom: "Silence: the answers go to nobody, or to somebody else.",
        cause: "Nobody answers the ARP question for the new source.",
        evidence: "Which rules rewrite, and which counters grow?\n  ip netns exec NS iptables -t nat -vS\n  ip netns exec NS conntrack -L\n  ip -n NS addr",
        cure: "Use an address that it has, or MASQUERADE:\n  ip netns exec NS iptables -t nat -R POSTROUTING NUMBER RULE",
    },
];
