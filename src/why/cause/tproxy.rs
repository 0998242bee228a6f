//! Rules that hand packets for other addresses to a program of this namespace (TPROXY). They
//! need a socket that may take such packets, and a table in which marked packets are local.

use super::masquerade::listens;
use super::page::Page;
use super::rank::{Rank, Tier};
use super::{Suspicion, suspect};
use crate::net::survey::{PolicyRule, Space};
use crate::net::{Backend, Culprit, FirewallRule};
use crate::why::Cause;
use crate::why::command::ruling::Ruling;
use crate::why::evidence::Evidence;
use crate::why::look::gate::Gate;
use crate::why::look::shot::Wall;

/// A rule that hands packets to a program.
struct Proxy<'a> {
    evidence: &'a Evidence<'a>,
    wall: &'a Wall,
    space: &'a Space,
    rule: &'a FirewallRule,
    /// The port at which the program listens.
    port: u16,
    /// The mark that the rule sets; 0 if it sets none.
    mark: u32,
}

/// Suspects the sockets and the tables behind such rules.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for wall in &evidence.shot.walls {
        let Some(space) = evidence.survey.space(&wall.netns) else { continue };
        for rule in wall.after.rules.iter().filter(|rule| is_tproxy(&Culprit::from(*rule))) {
            let native = rule.backend == Backend::Nft;
            let Some(port) = port(native, &rule.spec).filter(|_| wall.has_met(rule)) else { continue };
            let proxy = Proxy { evidence, wall, space, rule, port, mark: mark(native, &rule.spec).0 };
            found.extend(match proxy.drops() {
                true => Some(proxy.no_socket()),
                false => proxy.no_table(),
            });
        }
    }
    found
}

/// Tells whether a rule that stopped a packet is one of TPROXY.
pub(super) fn is_tproxy(culprit: &Culprit) -> bool {
    let mut words = culprit.spec.split_whitespace();
    !culprit.policy && words.any(|word| matches!(word, "TPROXY" | "tproxy"))
}

/// Returns the port of the program, from a rule in the words of nft or iptables.
fn port(native: bool, spec: &str) -> Option<u16> {
    let ruling = Ruling::read(spec);
    let word = match native {
        true => spec.split("tproxy ").nth(1)?.split_whitespace().find(|word| word.contains(':'))?,
        false => ruling.after("--on-port")?,
    };
    word.rsplit(':').next()?.parse().ok()
}

/// Returns the mark that the rule sets, and its mask.
fn mark(native: bool, spec: &str) -> (u32, u32) {
    let ruling = Ruling::read(spec);
    let word = match native {
        true => spec.split("mark set ").nth(1).and_then(|rest| rest.split_whitespace().next()),
        false => ruling.after("--tproxy-mark"),
    };
    let (mark, mask) = word.map_or(("0", ""), |word| word.split_once('/').unwrap_or((word, "")));
    (number(mark).unwrap_or_default(), number(mask).unwrap_or(u32::MAX))
}

/// Parses a number as iptables prints it.
pub(super) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Proxy<'_> {
    /// Tells whether the rule drops the packet, as it does without a socket to hand it to.
    fn drops(&self) -> bool {
        let rule = self.rule;
        let is_it = |handle: Option<u64>, number: Option<usize>| {
            rule.handle.is_some() && handle == rule.handle || rule.number == number
        };
        let stops = self.wall.stops();
        let culprits = stops.iter().filter_map(|stop| stop.culprit.as_ref());
        culprits.chain(&self.wall.culprits()).any(|culprit| {
            (culprit.backend, &culprit.family, &culprit.table, &culprit.chain)
                == (rule.backend, &rule.family, &rule.table, &rule.chain)
                && is_it(culprit.handle, culprit.number)
        })
    }

    /// Suspects that there is no socket which may take packets for other addresses.
    fn no_socket(&self) -> Suspicion {
        let Self { space, port, rule, .. } = self;
        let target = self.evidence.shot.target;
        let any = target.is_some_and(|ip| listens(space, ip, *port));
        let there = space.listeners.iter().find(|one| one.proto == "tcp" && one.port == *port);
        let hands =
            format!("the rule `{}` in {} hands the packets to TCP port {port}", rule.spec, space.name);
        let text = match there {
            Some(one) if !any => {
                format!("{hands}, where a program listens on {} only: TPROXY drops them", one.ip)
            }
            Some(_) => format!(
                "{hands}, where a program listens whose socket is not transparent (IP_TRANSPARENT): it may not answer for other addresses, so TPROXY drops them; the program has to set that option"
            ),
            None => format!("{hands}, where nobody listens: TPROXY drops them; start the program there"),
        };
        self.found(Cause::TproxyNoSocket, text, Vec::new(), Tier::Named.exact())
    }

    /// Suspects that no rule leads marked packets to a table in which they are local.
    fn no_table(&self) -> Option<Suspicion> {
        let Self { evidence, space, port, .. } = self;
        let (mark, v6) = (self.mark, evidence.shot.target?.is_ipv6());
        let stopped = matches!(evidence.gate, Gate::Forward | Gate::Input);
        if mark == 0 || evidence.stuck.ns != space.name || !stopped {
            return None;
        }
        let fits = |rule: &&PolicyRule| {
            rule.inet6 == v6 && rule.fwmark.is_some_and(|set| set & rule.fwmask == mark & rule.fwmask)
        };
        let ip = format!("{}{}", evidence.ip(&space.name), if v6 { " -6" } else { "" });
        let rule = space.rules.iter().find(fits);
        let table = rule.and_then(|rule| rule.table).unwrap_or_else(|| free_table(space));
        let takes = space
            .routes
            .iter()
            .any(|route| route.table == table && route.kind == "local" && route.dst.ip.is_ipv6() == v6);
        let mut fix = Vec::new();
        if rule.is_some() && takes {
            return None;
        }
        if rule.is_none() {
            fix.push(format!("{ip} rule add fwmark {:#x} lookup {table}", mark));
        }
        if !takes {
            fix.push(format!("{ip} route add local default dev lo table {table}"));
        }
        let lacks = match rule {
            None => "no rule sends what has this mark to a table of its own".to_string(),
            Some(_) => format!("table {table}, which the rule for this mark looks up, has no local route"),
        };
        let text = format!(
            "TPROXY in {} marks the packets with {:#x} for the program on TCP port {port}, but {lacks}: {} takes them for packets to others, and routes them on",
            space.name, mark, space.name
        );
        Some(self.found(Cause::TproxyNoTable, text, fix, Tier::Named.exact()))
    }

    fn found(&self, id: Cause, text: String, fix: Vec<String>, rank: Rank) -> Suspicion {
        let Self { evidence, space, rule, .. } = self;
        let mut suspect = suspect(id, format!("{}: chain {}", space.name, rule.chain), text, fix);
        suspect.evidence =
            vec![evidence.exec(&space.name, "ss -tlnp"), format!("{} rule", evidence.ip(&space.name))];
        Suspicion { rank, sure: true, suspect }
    }
}

/// Returns the number of a table that has no route and that no rule looks up.
fn free_table(space: &Space) -> u32 {
    let used = |table: &u32| {
        space.routes.iter().any(|route| route.table == *table)
            || space.rules.iter().any(|rule| rule.table == Some(*table))
    };
    (100..252).find(|table| !used(table)).unwrap_or(100)
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::TproxyNoSocket,
        title: "TPROXY has no socket to hand the packet to",
        symptom: "Silence: the packet enters the proxy's host, and goes no further.",
        cause: "TPROXY gives a packet for another address to a local socket. It drops the packet if nobody listens on the port, or if the program's socket is not transparent (IP_TRANSPARENT, ip(7)).",
        evidence: "Does a program listen on the rule's port?\n  ip netns exec NS iptables -t mangle -S\n  ip netns exec NS ss -tlnp",
        cure: "Start the proxy, with its option for transparent mode:\n  ip netns exec NS COMMAND",
    },
    Page {
        id: Cause::TproxyNoTable,
        title: "packets that TPROXY has marked are not taken as one's own",
        symptom: "Silence: the packet is routed on, as if there were no proxy.",
        cause: "The routing decision comes after TPROXY. The rule's mark has to lead to a table in which everything is local.",
        evidence: "A rule for the mark, and a local route in its table:\n  ip -n NS rule\n  ip -n NS route show table all type local",
        cure: "Add them:\n  ip -n NS rule add fwmark 1 lookup 100\n  ip -n NS route add local default dev lo table 100",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_and_mark_are_read_from_both_tools() {
        let of = |native: bool, spec: &str| (port(native, spec), mark(native, spec));
        let typed = "-p tcp -j TPROXY --on-port 19040 --on-ip 0.0.0.0 --tproxy-mark 0x1/0xff";
        assert_eq!(of(false, typed), (Some(19040), (1, 255)));
        let native = "meta l4proto tcp tproxy to :19040 meta mark set 0x7 accept";
        assert_eq!(of(true, native), (Some(19040), (7, u32::MAX)));
        let native = "meta l4proto tcp tproxy ip to 127.0.0.1:80";
        assert_eq!(of(true, native), (Some(80), (0, u32::MAX)));
    }
}
