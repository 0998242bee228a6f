//! Rules that change a packet without stopping it: its time to live, its addresses, or
//! its mark, which can select another routing table.

use super::page::Page;
use super::rank::Tier;
use super::{Suspicion, suspect};
use crate::net::survey::Space;
use crate::net::{Culprit, FirewallRule};
use crate::why::Cause;
use crate::why::evidence::Evidence;
use crate::why::look::shot::Wall;

/// Suspects rules that change packets.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    let mut found = Vec::new();
    let way = evidence.spaces_on_the_way();
    for wall in &evidence.shot.walls {
        let Some(space) = way.iter().find(|space| space.name == wall.netns) else { continue };
        for rule in wall.after.rules.iter().filter(|rule| !rule.policy) {
            found.extend(hop_limit(evidence, wall, rule));
            if wall.has_met(rule) {
                found.extend(rewritten(evidence, wall, rule));
            }
        }
        found.extend(marked(evidence, space, wall));
    }
    found
}

fn hop_limit(evidence: &Evidence, wall: &Wall, rule: &FirewallRule) -> Option<Suspicion> {
    let words: Vec<&str> = rule.spec.split_whitespace().collect();
    let after = |names: &[&str]| {
        let at = words.windows(names.len()).position(|window| window == names)?;
        words.get(at + names.len())?.parse::<u32>().ok()
    };
    let set = after(&["--ttl-set"]).or(after(&["--hl-set"]));
    let set = set.or(after(&["ip", "ttl", "set"])).or(after(&["ip6", "hoplimit", "set"]));
    let less = after(&["--ttl-dec"]).or(after(&["--hl-dec"]));
    let what = match (set, less) {
        (Some(ttl), _) if ttl < 32 => format!("sets the time to live (TTL) of packets to {ttl}"),
        (_, Some(less)) => format!("takes {less} from the time to live (TTL) of packets"),
        _ => return None,
    };
    let netns = evidence.netns(&wall.netns)?;
    let expired = evidence.stuck.error.as_ref().is_some_and(|error| matches!(error.kind, 11 | 3));
    let text = format!(
        "the rule `{}` of chain {} (table {}) in {} {what}: it runs out before they arrive",
        rule.spec, rule.chain, rule.table, wall.netns
    );
    let culprit = Culprit::from(rule);
    let place = format!("{}: chain {}", wall.netns, rule.chain);
    let mut suspect = suspect(Cause::TtlRewritten, place, text, vec![culprit.delete_command(&netns)]);
    suspect.evidence = vec![culprit.show_command(&netns)];
    let rank = if expired { Tier::Named.close() } else { Tier::Here.plain() };
    Some(Suspicion { rank, sure: false, suspect })
}

/// Suspects a rule that writes another address or port without connection tracking.
fn rewritten(evidence: &Evidence, wall: &Wall, rule: &FirewallRule) -> Option<Suspicion> {
    let words: Vec<&str> = rule.spec.split_whitespace().collect();
    let set = words
        .windows(4)
        .find(|at| at[2] == "set" && matches!(at[1], "saddr" | "daddr" | "sport" | "dport") && at[0] != "ct");
    let put = words.windows(2).find(|at| {
        at[0].starts_with("--mangle-") && at[0] != "--mangle-target"
            || rule.family == "bridge"
                && matches!(at[0], "--to-dst" | "--to-destination" | "--to-src" | "--to-source")
    });
    let what = match (set, put) {
        (Some(set), _) => format!("{} {} {}", set[0], set[1], set[3]),
        (_, Some(put)) => put[1].to_string(),
        _ => return None,
    };
    let netns = evidence.netns(&wall.netns)?;
    let owner = what.rsplit(' ').next().and_then(|word| whose(evidence, word));
    let owner = owner.unwrap_or_else(|| "which nobody has".into());
    let text = format!(
        "the rule `{}` of chain {} (table {}) in {} writes {what}, {owner}, into what passes: it goes astray, or its answer does, as nobody writes that back",
        rule.spec, rule.chain, rule.table, wall.netns
    );
    let culprit = Culprit::from(rule);
    let mut fix = vec![culprit.delete_command(&netns)];
    // A namespace that got the wrong hardware address keeps it in its neighbour cache.
    if rule.family == "arp" {
        let (ip, on) = (evidence.ip(&evidence.probe.from), evidence.shot.target?);
        let links = evidence.ground.ends().filter(|end| end.space.name == evidence.probe.from);
        fix.extend(links.map(|end| format!("{ip} neigh flush {on} dev {}", end.link.name)));
    }
    let place = format!("{}: chain {}", wall.netns, rule.chain);
    let mut suspect = suspect(Cause::PacketRewritten, place, text, fix);
    suspect.evidence = vec![culprit.show_command(&netns)];
    Some(Suspicion { rank: Tier::Here.exact(), sure: false, suspect })
}

/// Names the owner of an IP or hardware address.
fn whose(evidence: &Evidence, word: &str) -> Option<String> {
    if let Ok(ip) = word.parse() {
        return evidence.ground.owners(ip).first().map(|(space, _)| format!("which is {}'s", space.name));
    }
    let end = evidence.ground.ends().find(|end| end.link.mac == word)?;
    Some(format!("which is {}'s", end.space.name))
}

/// Suspects policy rules that send marked packets to another table.
fn marked(evidence: &Evidence, space: &Space, wall: &Wall) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for rule in &space.rules {
        let Some(mark) = rule.fwmark.filter(|mark| *mark != 0 && !rule.not) else { continue };
        let marks = |rule: &&FirewallRule| {
            let spec = rule.spec.to_lowercase();
            !rule.policy
                && (spec.contains("mark set") || spec.contains("-j mark") || spec.contains("-j connmark"))
        };
        let Some(marking) = wall.after.rules.iter().find(marks) else { continue };
        let ip =
            if rule.inet6 { format!("{} -6", evidence.ip(&space.name)) } else { evidence.ip(&space.name) };
        let table = rule.table.map_or_else(|| rule.action.clone(), |table| format!("table {table}"));
        let text = format!(
            "the rule `{}` of chain {} in {} marks the packet, and the policy rule {} (fwmark {mark:#x}) sends what has this mark to {table}",
            marking.spec, marking.chain, space.name, rule.pref
        );
        let fix = vec![format!("{ip} rule del pref {}", rule.pref)];
        let place = format!("{}: rule {}", space.name, rule.pref);
        let mut suspect = suspect(Cause::PolicyRuleFwmark, place, text, fix);
        suspect.evidence = vec![format!("{ip} rule")];
        let rank = if evidence.stuck.ns == space.name { Tier::Named.plain() } else { Tier::Here.plain() };
        found.push(Suspicion { rank, sure: false, suspect });
    }
    found
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::TtlRewritten,
        title: "a rule makes the time to live too small",
        symptom: "`Time to live exceeded` from the router with the rule.",
        cause: "TTL --ttl-set or --ttl-dec (HL for IPv6) leaves less than the routers that follow take.",
        evidence: "The table that changes packets:\n  ip netns exec NS iptables -t mangle -vS",
        cure: "Delete the rule:\n  ip netns exec NS iptables -t mangle -D PREROUTING RULE",
    },
    Page {
        id: Cause::PolicyRuleFwmark,
        title: "a mark sends the packet to another routing table",
        symptom: "Any error of routes, although `ip route get` finds one.",
        cause: "A rule of the firewall marks the packet, and `ip rule` has what is so marked looked up elsewhere.",
        evidence: "The mark, and who looks it up:\n  ip netns exec NS iptables -t mangle -S\n  ip -n NS rule\n  ip -n NS route get ADDRESS mark MARK",
        cure: "Delete the rule that looks it up, or the one that marks:\n  ip -n NS rule del pref NUMBER",
    },
    Page {
        id: Cause::PacketRewritten,
        title: "a rule writes another address into packets",
        symptom: "Silence; the packet goes elsewhere from one interface to the next, or its answer does.",
        cause: "nft's `set`, ebtables' dnat and snat and arptables' mangle write over a field and keep no record, unlike NAT: nobody writes it back.",
        evidence: "Where does the address change, and which rule says so?\n  ip netns exec NS tcpdump -eni DEV\n  ip netns exec NS nft list ruleset",
        cure: "Delete the rule, or let NAT do it:\n  ip netns exec NS nft delete rule FAMILY TABLE CHAIN handle NUMBER",
    },
];
