//! Machines with two uplinks: an answer that leaves by another one than its question came by,
//! or a source that leaves by another one than its own.

use super::firewall::BlockedPacket;
use super::ipv6::is_link_local;
use super::lost;
use super::masquerade::{family, passed_at, request_at};
use super::page::Page;
use super::rank::Tier;
use super::tproxy::number;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::{Link, PolicyRule, Space};
use crate::net::{Backend, FirewallRule, Sighting, typed};
use crate::why::Cause;
use crate::why::command::ruling::{Of, Ruling};
use crate::why::command::say::words;
use crate::why::evidence::ground::network;
use crate::why::evidence::way::forwarding_key;
use crate::why::evidence::{Evidence, fib};
use crate::why::look::shot::Wall;
use std::net::IpAddr;

/// A namespace that sends by another uplink than it should.
struct Uplinks<'a> {
    evidence: &'a Evidence<'a>,
    space: &'a Space,
    /// The uplink of the source.
    own: &'a Link,
    /// The address that belongs to the own uplink.
    address: IpAddr,
    /// The other end.
    peer: IpAddr,
    /// The address of the next router on the own uplink.
    gateway: IpAddr,
}

/// Suspects namespaces with two uplinks.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for space in evidence.spaces_on_the_way() {
        found.extend(match space.name == evidence.probe.from {
            true => question(evidence, space),
            false => answer(evidence, space),
        });
    }
    found
}

/// Suspects the sender: the source that it was told to send from belongs to another uplink.
fn question(evidence: &Evidence, space: &Space) -> Option<Suspicion> {
    let address: IpAddr = evidence.probe.interface.as_ref()?.parse().ok()?;
    let left = passed_at(evidence, space, Passed::Request, true)?;
    let own = space.addrs.iter().find(|addr| addr.ip == address)?;
    let own = space.link_at(own.index)?;
    let peer = evidence.shot.target?;
    let gateway = gateway(evidence, space, own, peer, None)?;
    let uplinks = Uplinks { evidence, space, own, address, peer, gateway };
    let what = format!("sends with the source {address} by {}", left.dev);
    (own.name != left.dev).then(|| uplinks.by_source(address, &what)).flatten()
}

/// Suspects a namespace that got the question by one uplink and sends the answer by another.
fn answer(evidence: &Evidence, space: &Space) -> Option<Suspicion> {
    if !evidence.stuck.is_back() {
        return None;
    }
    let came = request_at(evidence, &space.name, false)?;
    let left = passed_at(evidence, space, Passed::Reply, true)?;
    let (own, (peer, address)) = (space.link(&came.dev)?, came.packet.ends()?);
    let gateway = gateway(evidence, space, own, peer, Some(came))?;
    let uplinks = Uplinks { evidence, space, own, address, peer, gateway };
    if own.name == left.dev {
        return None;
    }
    let what = format!("got the request by {} and sends the answer by {}", came.dev, left.dev);
    let inside = passed_at(evidence, space, Passed::Reply, false);
    let src = inside.and_then(|seen| seen.packet.ends()).map_or(address, |(src, _)| src);
    if let Some(found) = uplinks.half_a_table(src, &what) {
        return Some(found);
    }
    match inside {
        // Its source is another one until the translation is undone, which is after routing.
        Some(inside) if inside.packet.ends().is_some_and(|(src, _)| src != address) => {
            uplinks.by_mark(inside, &what)
        }
        _ => uplinks.by_source(address, &what),
    }
}

/// Returns the router on the wire of a link: the one from which a packet came, or the only one
/// that forwards. None if the other end is on that wire itself.
fn gateway(
    evidence: &Evidence,
    space: &Space,
    own: &Link,
    peer: IpAddr,
    came: Option<&Sighting>,
) -> Option<IpAddr> {
    let v6 = peer.is_ipv6();
    let ours: Vec<_> = space.addrs.iter().filter(|addr| addr.index == own.index).collect();
    let forwards = |other: &Space| other.switch(forwarding_key(peer)) == Some(1);
    let sent = |other: &Space, link: &Link| {
        let by = |seen: &&Sighting| {
            seen.out
                && seen.netns == other.name
                && seen.dev == link.name
                && evidence.shot.passed(seen) == Some(Passed::Request)
        };
        evidence.shot.sightings.iter().any(|seen| by(&seen))
    };
    let ends = evidence.ground.neighbours(&space.name, own);
    let routers = ends.iter().filter(|end| match came {
        Some(_) => sent(end.space, end.link),
        None => forwards(end.space),
    });
    let mut shared = routers.flat_map(|end| end.addrs(v6)).filter(|addr| {
        !is_link_local(addr.ip) && ours.iter().any(|our| network(our.ip, our.prefix_len).contains(addr.ip))
    });
    shared.next().map(|addr| addr.ip).filter(|ip| *ip != peer)
}

/// Returns the table, other than those that every packet is looked up in, that leads by a link.
fn table_by(space: &Space, dev: &str, peer: IpAddr) -> Option<u32> {
    let mut tables: Vec<u32> = space.routes.iter().map(|route| route.table).collect();
    tables.sort_unstable();
    tables.dedup();
    let leads = |table: &u32| {
        let route = fib::best(space, *table, peer);
        route.is_some_and(|route| fib::is_usable(route) && route.dev() == Some(dev))
    };
    tables.into_iter().filter(|table| !(253..=255).contains(table)).find(leads)
}

impl BlockedPacket<'_> {
    /// Suspects that a packet leaves by a wrong uplink: the firewall accepts it only by another
    /// one, which is off, or has a table of its own that no rule leads to.
    pub fn let_out_by_another(&self) -> Option<Suspicion> {
        let Self { evidence, space, .. } = self;
        let view = self.view();
        let (iif, oif) = (view.iif?, view.oif.filter(|_| !view.reply)?);
        let (src, dst) = (self.stop.packet.src?, self.stop.packet.dst?);
        let accepting = self.rules().filter(|rule| rule.target.eq_ignore_ascii_case("accept"));
        let mut others = accepting.filter_map(|rule| Some((rule, self.accepted_by(rule)?)));
        let (rule, uplink) =
            others.find(|(_, link)| !link.up || table_by(space, &link.name, dst).is_some())?;
        let own =
            space.addrs.iter().filter(|addr| space.link(iif).is_some_and(|link| link.index == addr.index));
        let net = own.map(|addr| network(addr.ip, addr.prefix_len)).find(|net| net.contains(src));
        let from = net.map_or_else(|| src.to_string(), |net| net.to_string());
        let ip = evidence.ip(&space.name);
        let ip6 = if dst.is_ipv6() { format!("{ip} -6") } else { ip.clone() };
        let sends = format!(
            "{} sends what comes from {from} by {oif}, and its firewall lets that out by {} only (`{}`)",
            space.name, uplink.name, rule.spec
        );
        let place = format!("{}: {}", space.name, uplink.name);
        let mut suspect = match table_by(space, &uplink.name, dst).filter(|_| uplink.up) {
            Some(table) => {
                let text = format!("{sends}: table {table} leads there, and no rule sends {from} into it");
                let fix = vec![format!("{ip6} rule add from {from} lookup {table}")];
                let mut suspect = suspect(Cause::OtherUplink, place, text, fix);
                // That one leaves this namespace's own answers alone.
                suspect.narrower = vec![vec![format!("{ip6} rule add from {from} iif {iif} lookup {table}")]];
                suspect
            }
            None => {
                let mut fix = vec![format!("{ip} link set {} up", uplink.name)];
                fix.extend(lost::routes_of(evidence, space, &uplink.name));
                suspect(Cause::LinkDown, place, format!("{sends}, which is DOWN"), fix)
            }
        };
        suspect.evidence = vec![format!("{ip6} rule"), format!("{ip} route get {dst} from {src} iif {iif}")];
        Some(Suspicion { rank: Tier::Named.exact(), sure: false, suspect })
    }

    /// Returns the link by which a rule would accept the packet, which goes by another one.
    fn accepted_by(&self, rule: &FirewallRule) -> Option<&Link> {
        let ruling = Ruling::of(rule);
        let names_sender = ruling.clauses.iter().any(|one| matches!(one.of, Of::In | Of::Src) && !one.not);
        let view = self.view();
        let [clause] = ruling.failing(&view)[..] else { return None };
        self.space.link(&clause.value).filter(|_| names_sender && clause.of == Of::Out && !clause.not)
    }
}

impl Uplinks<'_> {
    fn ip(&self) -> String {
        let ip = self.evidence.ip(&self.space.name);
        if self.peer.is_ipv6() { format!("{ip} -6") } else { ip }
    }

    /// Returns the table that leads by the own uplink.
    fn table(&self) -> Option<u32> {
        table_by(self.space, &self.own.name, self.peer)
    }

    /// Returns the table for the own uplink, and the commands that make it if there is none.
    fn table_made(&self) -> (u32, Vec<String>) {
        if let Some(table) = self.table() {
            return (table, Vec::new());
        }
        let used = |table: &u32| self.space.routes.iter().any(|route| route.table == *table);
        let table = (100..).find(|table| !used(table)).unwrap_or(100);
        (table, vec![self.way_out(table)])
    }

    /// Returns the command that adds the way out by the own uplink to a table.
    fn way_out(&self, table: u32) -> String {
        let dev = typed(&self.own.name);
        format!("{} route add default via {} dev {dev} table {table}", self.ip(), self.gateway)
    }

    /// Suspects a table that a rule leads to, and that has no route by the own uplink: it holds
    /// other routes only.
    fn half_a_table(&self, src: IpAddr, what: &str) -> Option<Suspicion> {
        let Self { evidence, space, own, peer, .. } = self;
        let restores = |rule: &FirewallRule| {
            ["--restore-mark", "mark set ct mark"].iter().any(|word| rule.spec.contains(word))
        };
        let restored = || {
            let mut walls = evidence.shot.walls.iter().filter(|wall| wall.netns == space.name);
            walls.any(|wall| wall.after.rules.iter().any(|rule| restores(rule) && wall.has_met(rule)))
        };
        if self.table().is_some() {
            return None;
        }
        let lacks = |table: &u32| !(253..=255).contains(table) && fib::best(space, *table, *peer).is_none();
        let (rule, table) = space.rules.iter().find_map(|rule| {
            let by_source = rule.from.is_some_and(|net| net.len > 0 && net.contains(src));
            let fits = by_source || rule.fwmark.is_some() && restored();
            let fits = fits && rule.inet6 == peer.is_ipv6() && rule.action == "lookup" && !rule.not;
            Some((rule, rule.table.filter(|table| fits && lacks(table))?))
        })?;
        let then = format!(
            "the rule {} ({}) looks into table {table}, which has no route to {peer} by",
            rule.pref,
            words(rule)
        );
        let fix = vec![self.way_out(table)];
        let found = self.found(self.text(what, &then), fix, own, &format!("from {}", self.address));
        // The rule shows that the uplinks are told apart.
        Some(Suspicion { rank: Tier::Named.exact(), ..found })
    }

    /// Says what is wrong; `then` is the reason why no rule helps so far.
    fn text(&self, what: &str, then: &str) -> String {
        let Self { space, own, .. } = self;
        let lost = match self.evidence.stuck.ns == space.name {
            true => String::new(),
            false => format!(", which ends in {}", self.evidence.stuck.ns),
        };
        format!("{} {what}{lost}: {then} {}", space.name, own.name)
    }

    /// Suspects a missing rule for the source.
    fn by_source(&self, source: IpAddr, what: &str) -> Option<Suspicion> {
        let Self { space, own, .. } = self;
        let (table, mut fix) = self.table_made();
        let leads_there = |rule: &&PolicyRule| {
            rule.inet6 == source.is_ipv6() && rule.table == Some(table) && rule.from.is_some()
        };
        let misses = space
            .rules
            .iter()
            .filter(leads_there)
            .find(|rule| rule.from.is_some_and(|from| from.len > 0 && !from.contains(source)));
        let then = match misses {
            Some(rule) => format!(
                "its rule {} ({}) does not match the source {source}, which belongs to",
                rule.pref,
                words(rule)
            ),
            None => format!("routes look at the destination only, and the source {source} belongs to"),
        };
        fix.push(format!("{} rule add from {source} lookup {table}", self.ip()));
        Some(self.found(self.text(what, &then), fix, own, &format!("from {}", self.address)))
    }

    /// Suspects missing marks: the answer is routed before its translation is undone.
    fn by_mark(&self, inside: &Sighting, what: &str) -> Option<Suspicion> {
        let Self { evidence, space, own, .. } = self;
        let wall = evidence.shot.walls.iter().find(|wall| wall.netns == space.name)?;
        let (table, mut fix) = self.table_made();
        let v6 = self.peer.is_ipv6();
        let marks = space.rules.iter().filter(|rule| rule.inet6 == v6 && rule.table == Some(table));
        let mark = marks.clone().find_map(|rule| rule.fwmark.filter(|mark| *mark != 0 && !rule.not));
        let is_used = |mark: &u32| space.rules.iter().any(|rule| rule.fwmark == Some(*mark));
        let new = mark.or_else(|| (table..).find(|mark| !is_used(mark))).unwrap_or(table);
        if mark.is_none() {
            fix.push(format!("{} rule add fwmark {new} lookup {table}", self.ip()));
        }
        let mut backends = wall.after.rules.iter().map(|rule| rule.backend);
        let backend = backends.find(|backend| *backend != Backend::Nft).unwrap_or(Backend::IptablesNft);
        let tool = backend.tool(family(self.peer));
        let rule =
            |words: String| evidence.exec(&space.name, &format!("{tool} -t mangle -A PREROUTING {words}"));
        let sets = wall.after.rules.iter().any(|rule| {
            let ruling = Ruling::read(&rule.spec);
            let value = ["--set-mark", "--set-xmark"].iter().find_map(|option| ruling.after(option));
            let value = value.and_then(|word| number(word.split('/').next()?));
            rule.spec.contains("CONNMARK") && value == Some(new) && wall.has_met(rule)
        });
        if !sets {
            fix.push(rule(format!(
                "-i {} -m conntrack --ctstate NEW -j CONNMARK --set-mark {new}",
                typed(&own.name)
            )));
        }
        // The marks of other packets stay as they are.
        let restored = format!("-m connmark --mark {new} -j CONNMARK --restore-mark");
        fix.push(rule(format!("-i {} {restored}", typed(&inside.dev))));
        let src = inside.packet.ends()?.0;
        let then = match sets {
            true => format!(
                "when it is routed, its source is still {src} and not {}, and nothing that comes by {} gets the mark {new} of its connection back; that mark leads back by",
                self.address, inside.dev
            ),
            false => format!(
                "when it is routed, its source is still {src} and not {}, so only a mark of its connection can lead back by",
                self.address
            ),
        };
        let from = format!("from {src} iif {}", inside.dev);
        Some(self.found(self.text(what, &then), fix, own, &from))
    }

    /// Returns a suspect; `from` is the packet that the kernel is to be asked about.
    fn found(&self, text: String, fix: Vec<String>, own: &Link, from: &str) -> Suspicion {
        let Self { evidence, space, .. } = self;
        // Somebody has begun to tell the uplinks apart, or a provider does.
        let bars_sources = |wall: &Wall| {
            wall.culprits().iter().any(|rule| rule.spec.contains("! -s ") || rule.spec.contains("saddr !="))
        };
        let is_told_apart = self.table().is_some() || evidence.shot.walls.iter().any(bars_sources);
        // Otherwise it may well be meant that the two ways differ.
        let rank = if is_told_apart { Tier::Named.exact() } else { Tier::OnTheWay.loose() };
        let place = format!("{}: {}", space.name, own.name);
        let mut suspect = suspect(Cause::OtherUplink, place, text, fix);
        suspect.evidence = vec![
            format!("{} rule", self.ip()),
            format!("{} route get {} {from}", evidence.ip(&space.name), self.peer),
        ];
        Suspicion { rank, sure: false, suspect }
    }
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[Page {
    id: Cause::OtherUplink,
    title: "the answer leaves by another uplink than the question came by",
    symptom: "Silence on one of two uplinks: what comes in by it is heard, and the answer goes out by the other, whose provider drops sources that are not its own (RFC 2827).",
    cause: "Routes look at the destination only, so all answers take the default route. A rule for the source sends them back by their own uplink. What was translated on its way in (DNAT) is routed before that is undone, with an inner source: there a mark of the connection has to lead.",
    evidence: "The way of an answer, and the rules that could change it:\n  ip -n NS rule\n  ip -n NS route get PEER from ADDR\n  ip netns exec NS iptables -t mangle -S PREROUTING",
    cure: "A table for that uplink, and a rule that leads there by source:\n  ip -n NS route add default via GATEWAY dev UPLINK table 100\n  ip -n NS rule add from ADDR lookup 100\nbehind DNAT, by a mark of the connection:\n  ip -n NS rule add fwmark 100 lookup 100\n  iptables -t mangle -A PREROUTING -i UPLINK -m conntrack --ctstate NEW \\\n    -j CONNMARK --set-mark 100\n  iptables -t mangle -A PREROUTING -i INNER -m connmark --mark 100 \\\n    -j CONNMARK --restore-mark",
}];
