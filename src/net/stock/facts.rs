//! The configuration of a namespace, except its links, as plain lines.

use super::State;
use crate::net::survey::{Address, FdbEntry, Hop, Neighbour, PolicyRule, Qdisc, Route, Space};
use crate::net::{FirewallRule, FirewallSnapshot};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// The subjects, and the settings of each; some subjects have no settings.
type Facts = BTreeMap<String, Vec<String>>;

/// The number of the table `local`, which the kernel maintains.
const LOCAL: u32 = 255;

/// Suffixes of sysctls that no user sets: those that only count or belong to the
/// whole machine, that repeat a setting of a link, or that nslab itself sets to
/// shorten waiting.
const NOT_SET: [&str; 4] = [".nf_conntrack_count", ".nf_conntrack_max", ".mtu", ".retrans_time_ms"];

/// The queueing disciplines of a link without a queue, up or down.
const NONE: [&str; 2] = ["noqueue", "noop"];

/// The differences between two states, one per line.
pub(super) fn changed(before: &State, after: &State) -> Vec<String> {
    let (then, now) = (facts(before), facts(after));
    let mut lines = Vec::new();
    for (subject, said) in &then {
        match now.get(subject) {
            None => lines.push(format!("removed {subject}")),
            Some(others) if others == said => {}
            Some(others) => {
                lines.push(format!("{subject} was {}, and is {}", said.join(", "), others.join(", ")));
            }
        }
    }
    lines.extend(now.keys().filter(|subject| !then.contains_key(*subject)).map(|new| format!("added {new}")));
    follow(&mut lines);
    // This sysctl also changes those of each link.
    let forward = "net.ipv4.ip_forward";
    let forwards = before.space.sysctls.get(forward) == after.space.sysctls.get(forward);
    let follows = |key: &str| {
        let end = key.rsplit('.').next().unwrap_or_default();
        key.starts_with("net.ipv4.conf.") && matches!(end, "forwarding" | "accept_redirects")
    };
    for (key, value) in before.space.sysctls.iter().filter(|(key, _)| forwards || !follows(key)) {
        // The sysctls of a deleted or renamed link disappear with it.
        if let Some(other) = after.space.sysctls.get(key).filter(|other| *other != value)
            && !NOT_SET.iter().any(|end| key.ends_with(end))
        {
            lines.push(format!("{key} was {value}, and is {other}"));
        }
    }
    lines
}

/// Leaves out changes that follow from another reported one: the routes of an
/// address, the classes of a queue.
fn follow(lines: &mut Vec<String>) {
    let mut told = Vec::new();
    for word in ["added", "removed"] {
        let ips = lines
            .iter()
            .filter_map(|line| line.strip_prefix(word)?.strip_prefix(" address ")?.split('/').next());
        told.extend(ips.map(|ip| (word, format!(" src {ip}"))));
    }
    let queues: Vec<String> = lines.iter().filter(|line| line.contains(" tc qdisc ")).cloned().collect();
    lines.retain(|line| {
        let Some((word, class)) = line.split_once(" tc class ") else { return true };
        let dev = class.split(" dev ").nth(1).unwrap_or_default();
        !queues.iter().any(|queue| queue.starts_with(word) && queue.contains(&format!(" dev {dev} parent")))
    });
    lines.retain(|line| {
        let follows = |(word, src): &(&str, String)| line.starts_with(word) && line.ends_with(src.as_str());
        !line.contains("route to ") || !told.iter().any(follows)
    });
}

fn facts(State { space, firewall, sets }: &State) -> Facts {
    let mut facts = Facts::new();
    let mut say = |subject: String, said: String| facts.entry(subject).or_default().push(said);
    for addr in space.addrs.iter().filter(|addr| !is_link_local(addr.ip)) {
        say(address(addr), format!("{} {:?}", addr.scope, addr.broadcast));
    }
    for route in space.routes.iter().filter(|route| !route.cached && !is_kernels(route)) {
        say(self::route(route), String::new());
    }
    for rule in &space.rules {
        say(self::rule(rule), String::new());
    }
    for neighbour in space.neighs.iter().filter(|row| row.proxy || row.state == "PERMANENT") {
        say(self::neighbour(neighbour), String::new());
    }
    for entry in space.fdb.iter().filter(|entry| is_typed(entry, space)) {
        say(format!("forwarding entry {} dev {}", entry.mac, entry.dev), format!("{entry:?}"));
    }
    for qdisc in space.qdiscs.iter().filter(|qdisc| !NONE.contains(&qdisc.kind.as_str())) {
        // The kernel picks the handles of classes.
        let subject = match qdisc.class {
            true => format!("tc class {} dev {}", qdisc.kind, qdisc.dev),
            false => format!("tc qdisc {} dev {} parent {}", qdisc.kind, qdisc.dev, qdisc.parent),
        };
        say(subject, queue(qdisc));
    }
    for filter in &space.filters {
        say(format!("tc filter {} dev {} {}", filter.kind, filter.dev, filter.hook), format!("{filter:?}"));
    }
    for policy in &space.policies {
        say(format!("xfrm policy {}", policy.dir), format!("{policy:?}"));
    }
    for state in &space.states {
        say(format!("xfrm state from {} to {}", state.src, state.dst), format!("{state:?}"));
    }
    say("default of xfrm policies".into(), format!("{:?}", space.xfrm_blocks));
    for listener in &space.listeners {
        say(format!("{} listener at {} port {}", listener.proto, listener.ip, listener.port), String::new());
    }
    for one in firewall.rules.iter().filter(|one| !is_idle(one, firewall)) {
        let (subject, said) = self::firewall(one);
        say(subject, said);
    }
    for set in sets {
        let spans: Vec<String> = set.spans.iter().map(|(first, last)| element(first, last)).collect();
        say(format!("what is in the firewall's set {}", set.name), format!("{{ {} }}", spans.join(", ")));
    }
    facts
}

/// Formats a set element by its length, because a set does not tell its data
/// type.
fn element(first: &[u8], last: &[u8]) -> String {
    let value = |bytes: &[u8]| match bytes {
        [a, b, c, d] => IpAddr::from([*a, *b, *c, *d]).to_string(),
        [high, low] => u16::from_be_bytes([*high, *low]).to_string(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    if first == last { value(first) } else { format!("{}-{}", value(first), value(last)) }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn address(addr: &Address) -> String {
    let peer = addr.peer.map(|peer| format!(" peer {peer}")).unwrap_or_default();
    format!("address {}/{}{peer} dev {}", addr.ip, addr.prefix_len, addr.dev)
}

/// Tells whether IPv6 creates a route by itself on a link with a carrier.
fn is_kernels(route: &Route) -> bool {
    let IpAddr::V6(dst) = route.dst.ip else { return false };
    let by_itself = dst.is_unicast_link_local() || dst.is_multicast() || dst == Ipv6Addr::LOCALHOST;
    route.protocol == "kernel" && (by_itself || route.table == LOCAL)
}

fn route(route: &Route) -> String {
    let mut text = format!("route to {}", route.dst);
    if route.kind != "unicast" {
        text = format!("{} {text}", route.kind);
    }
    let from = route.from.map(|from| format!(" from {from}")).unwrap_or_default();
    text += &from;
    let many = route.hops.len() > 1;
    for Hop { via, dev, weight, .. } in &route.hops {
        text += &via.map(|via| format!(" via {via}")).unwrap_or_default();
        if !dev.is_empty() {
            text += &format!(" dev {dev}");
        }
        if many {
            text += &format!(" weight {weight}");
        }
    }
    text += &match route.table {
        254 => String::new(),
        LOCAL => " table local".into(),
        number => format!(" table {number}"),
    };
    let numbers = [("metric", Some(route.metric).filter(|metric| *metric != 0)), ("mtu", route.mtu)];
    for (word, number) in numbers.into_iter().chain([("advmss", route.advmss), ("hoplimit", route.hoplimit)])
    {
        text += &number.map(|number| format!(" {word} {number}")).unwrap_or_default();
    }
    if route.tos != 0 {
        text += &format!(" tos {:#x}", route.tos);
    }
    text += &route.src.map(|src| format!(" src {src}")).unwrap_or_default();
    text
}

fn rule(rule: &PolicyRule) -> String {
    let mut text = format!("rule {}:", rule.pref);
    let not = if rule.not { " not" } else { "" };
    let family = if rule.inet6 { " inet6" } else { "" };
    text += &format!("{family}{not} from {}", rule.from.map_or("all".into(), |net| net.to_string()));
    let words = [
        ("to", rule.to.map(|net| net.to_string())),
        ("iif", rule.iif.clone()),
        ("oif", rule.oif.clone()),
        ("fwmark", rule.fwmark.map(|mark| format!("{mark:#x}/{:#x}", rule.fwmask))),
        ("tos", Some(rule.tos).filter(|tos| *tos != 0).map(|tos| tos.to_string())),
        ("uidrange", rule.uidrange.map(|(from, to)| format!("{from}-{to}"))),
        ("ipproto", rule.ipproto.map(|number| number.to_string())),
        ("sport", rule.sport.map(|(from, to)| format!("{from}-{to}"))),
        ("dport", rule.dport.map(|(from, to)| format!("{from}-{to}"))),
    ];
    for (word, value) in words {
        text += &value.map(|value| format!(" {word} {value}")).unwrap_or_default();
    }
    text += &format!(" {}", rule.action);
    text += &rule.table.map(|table| format!(" {table}")).unwrap_or_default();
    text += &rule.goto.map(|goto| format!(" {goto}")).unwrap_or_default();
    let suppressed = rule.suppress_prefixlength.map(|length| format!(" suppress_prefixlength {length}"));
    text + suppressed.as_deref().unwrap_or_default()
}

fn neighbour(row: &Neighbour) -> String {
    let mac = row.mac.as_ref().map(|mac| format!(" lladdr {mac}")).unwrap_or_default();
    let proxy = if row.proxy { "proxy " } else { "" };
    format!("neighbour {proxy}{}{mac} dev {}", row.ip, row.dev)
}

/// Tells whether a user has added an entry: the kernel itself adds those of a
/// link's own address and of groups.
fn is_typed(entry: &FdbEntry, space: &Space) -> bool {
    let lasts = matches!(entry.state.as_str(), "static" | "permanent") || entry.extern_learn || entry.sticky;
    let is_group =
        entry.mac.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok()).unwrap_or(1) & 1 == 1;
    let own = space.links.iter().any(|link| link.mac == entry.mac);
    (lasts && !is_group && !own) || entry.dst.is_some()
}

fn queue(qdisc: &Qdisc) -> String {
    let mut still = qdisc.clone();
    (still.packets, still.drops, still.overlimits, still.qlen, still.backlog) = (0, 0, 0, 0, 0);
    format!("{still:?}")
}

/// Tells whether it is the accepting policy of a chain without rules: merely
/// listing the rules creates such chains.
fn is_idle(one: &FirewallRule, firewall: &FirewallSnapshot) -> bool {
    let same = |other: &&FirewallRule| {
        (&other.family, &other.table, &other.chain) == (&one.family, &one.table, &one.chain)
            && other.backend == one.backend
    };
    one.policy
        && one.target.eq_ignore_ascii_case("accept")
        && !firewall.rules.iter().filter(same).any(|other| !other.policy)
}

fn firewall(one: &FirewallRule) -> (String, String) {
    let place = format!("{} {} {}", one.family, one.table, one.chain);
    match one.policy {
        true => (format!("policy of {place}"), one.spec.to_lowercase()),
        false => {
            let words = one.words.as_ref().unwrap_or(&one.spec);
            // An unsupported part appears in brackets, so two different rules
            // may look alike.
            let handle = one.handle.filter(|_| words.contains('[')).map(|handle| format!("handle {handle}"));
            (format!("firewall rule {place} {words}"), handle.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::survey::Net;

    fn compared(change: impl FnOnce(&mut Space)) -> String {
        let route = |dst: &str, kind: &str, protocol: &str, table| Route {
            dst: Net::parse(dst).unwrap(),
            kind: kind.into(),
            protocol: protocol.into(),
            table,
            ..Route::default()
        };
        let before = Space {
            routes: vec![route("10.0.0.0/24", "unicast", "kernel", 254)],
            sysctls: BTreeMap::from([
                ("net.ipv4.ip_forward".into(), "0".into()),
                ("net.netfilter.nf_conntrack_count".into(), "0".into()),
            ]),
            ..Space::default()
        };
        let mut after = before.clone();
        change(&mut after);
        let state = |space| State { space, ..State::default() };
        changed(&state(before), &state(after)).join("; ")
    }

    #[test]
    fn what_was_typed_is_seen() {
        assert_eq!(
            compared(|space| space.routes[0].hops.push(Hop { dev: "eth0".into(), ..Hop::default() })),
            "removed route to 10.0.0.0/24; added route to 10.0.0.0/24 dev eth0"
        );
        assert_eq!(
            compared(|space| {
                space.sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
            }),
            "net.ipv4.ip_forward was 0, and is 1"
        );
        assert_eq!(
            compared(|space| space.rules.push(PolicyRule {
                pref: 1,
                action: "prohibit".into(),
                ..PolicyRule::default()
            })),
            "added rule 1: from all prohibit"
        );
        // A route that claims to be the kernel's is not hidden by that.
        assert_eq!(
            compared(|space| {
                let mut own = space.routes[0].clone();
                own.dst = Net::parse("10.9.0.0/16").unwrap();
                space.routes.push(own);
            }),
            "added route to 10.9.0.0/16"
        );
    }

    #[test]
    fn what_the_kernel_does_by_itself_is_not() {
        let quiet = compared(|space| {
            space.routes[0].flags.push("linkdown".into());
            let dst = Net::parse("fe80::/64").unwrap();
            let (kind, protocol) = ("unicast".into(), "kernel".into());
            space.routes.push(Route { dst, kind, protocol, table: 254, ..Route::default() });
            space.sysctls.insert("net.netfilter.nf_conntrack_count".into(), "7".into());
            space.neighs.push(Neighbour::default());
            space.counters.insert("IpInReceives".into(), 7);
        });
        assert_eq!(quiet, "");
    }
}
