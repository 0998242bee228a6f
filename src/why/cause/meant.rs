//! Rules that were meant to accept a packet that a firewall stopped: those that almost
//! match, that stand in the wrong place, or that were refused.

use super::Suspicion;
use super::accept::Width;
use super::called::is_called;
use super::firewall::{BlockedPacket, is_accept};
use super::page::Page;
use super::rank::Tier;
use crate::net::survey::Net;
use crate::net::{Culprit, FirewallRule, TracedPacket, nft_command, typed};
use crate::why::Cause;
use crate::why::command::refused;
use crate::why::command::ruling::{Clause, Of, Ruling, View, in_net, is_link};
use crate::why::command::slip::resembles;

impl BlockedPacket<'_> {
    /// Suspects rules that would accept the packet except for one condition.
    pub fn near_miss(&self) -> Vec<Suspicion> {
        let mut found = Vec::new();
        let view = self.view();
        for rule in self.rules().filter(|rule| is_accept(rule) && is_before(rule, self.culprit)) {
            let ruling = Ruling::of(rule);
            // Port and protocol are separate clauses, so a slip in one of them fails one
            // clause.
            let failing = ruling.failing(&view);
            let [clause] = failing[..] else { continue };
            // Rules for lo are not meant for other packets.
            if matches!(clause.of, Of::In | Of::Out) && clause.value == "lo" {
                continue;
            }
            if clause.of == Of::Proto && !self.mistakes_protocol(&ruling, clause) {
                continue;
            }
            // The kernel chose this port for one connection only.
            if clause.of == if view.reply { Of::Dport } else { Of::Sport } {
                continue;
            }
            let extended = clause.extended(&view);
            let Some(meant) = extended.clone().or_else(|| clause.meant(&view)) else { continue };
            let number = rule.number.map_or_else(String::new, |number| format!(" {number}"));
            let text = format!(
                "{}: rule{number} (`{}`) accepts it only with the {} {}, and it has {}",
                self.what_happened(),
                rule.spec,
                clause.name(),
                clause.value,
                clause.seen(&view).unwrap_or_default()
            );
            let words = ruling.with(clause, &meant);
            let deliberate = self.is_real(clause.of, &clause.value) || !is_slip(clause, &meant);
            let is_other = extended.is_none() && deliberate;
            // A rule about interfaces alone serves those as it is, and says nothing of these.
            if is_other && ruling.clauses.iter().all(|one| matches!(one.of, Of::In | Of::Out)) {
                continue;
            }
            let (fix, rank) = match is_other {
                false => (self.replace(rule, &words), Tier::Named.close()),
                // The rule serves existing things as it is, so another one is added.
                true if !view.reply => (self.insert(&words), Tier::Named.plain()),
                true => continue,
            };
            let Some(fix) = fix else { continue };
            let mut one = self.found(Cause::FirewallNearMiss, text, vec![fix], rank, false);
            if is_other {
                one.suspect.narrower = self.narrower(&[Width::Way, Width::Ends]);
            }
            found.push(one);
        }
        found
    }

    /// Tells whether a rule names a wrong protocol by mistake: it has the right port, or
    /// the protocol does not fit its addresses.
    fn mistakes_protocol(&self, ruling: &Ruling, clause: &Clause) -> bool {
        ruling.clauses.iter().any(|other| matches!(other.of, Of::Dport | Of::Sport))
            || self.is_alien(&clause.value)
    }

    /// Tells whether a protocol belongs to the other IP version.
    fn is_alien(&self, protocol: &str) -> bool {
        let v6 = self.stop.packet.src.is_some_and(|src| src.is_ipv6());
        matches!((v6, protocol), (true, "icmp" | "1") | (false, "ipv6-icmp" | "icmpv6" | "58"))
    }

    /// Tells whether a value names something that exists.
    fn is_real(&self, of: Of, value: &str) -> bool {
        match of {
            Of::Proto => {
                let port = self.stop.packet.dport;
                let mut all = self.evidence.survey.spaces.iter().flat_map(|space| &space.listeners);
                !self.is_alien(value) && all.any(|one| one.proto == value && Some(one.port) == port)
            }
            Of::In | Of::Out => self.space.links.iter().any(|link| is_link(value, &link.name)),
            Of::Src | Of::Dst => {
                let mut addrs = self.evidence.survey.spaces.iter().flat_map(|space| &space.addrs);
                addrs.any(|addr| in_net(value, addr.ip) == Some(true))
            }
            Of::Dport | Of::Sport => {
                let mut all = self.evidence.survey.spaces.iter().flat_map(|space| &space.listeners);
                all.any(|one| value == one.port.to_string())
            }
            _ => true,
        }
    }

    /// Suspects rules that accept the opposite direction: source and destination, or the
    /// two interfaces, have changed places.
    pub fn reversed(&self) -> Vec<Suspicion> {
        let view = self.view();
        let turned = TracedPacket {
            src: view.packet.dst,
            dst: view.packet.src,
            sport: view.packet.dport,
            dport: view.packet.sport,
            ..view.packet.clone()
        };
        let other = View { packet: &turned, iif: view.oif, oif: view.iif, reply: false };
        let mut found = Vec::new();
        for rule in self.rules().filter(|rule| is_accept(rule) && is_before(rule, self.culprit)) {
            let ruling = Ruling::of(rule);
            let turns = ruling.failing(&view).iter().all(|one| one.of != Of::State);
            if view.reply || !turns || !ruling.failing(&other).is_empty() || rule.target == "RETURN" {
                continue;
            }
            // A rule about interfaces alone is the way out of a network, which nobody means as a
            // way in.
            if !ruling.clauses.iter().any(|one| matches!(one.of, Of::Src | Of::Dst) && !one.not) {
                continue;
            }
            let links = ruling.clauses.iter().any(|one| matches!(one.of, Of::In | Of::Out));
            let what = if links { "its two ends" } else { "source and destination" };
            let text = format!(
                "{}: rule{} (`{}`) accepts what goes the other way, and this does not: {what} have changed places",
                self.what_happened(),
                rule.number.map_or_else(String::new, |number| format!(" {number}")),
                rule.spec
            );
            // Packets in the other direction may need the rule as it is.
            let fix = self.insert(&ruling.reversed());
            found.extend(
                fix.map(|fix| {
                    self.found(Cause::FirewallNearMiss, text, vec![fix], Tier::Named.close(), false)
                }),
            );
        }
        found
    }

    /// Suspects accepting rules in a chain that no rule jumps to, or behind a rule that
    /// returns from it.
    pub fn uncalled(&self) -> Vec<Suspicion> {
        let view = self.view();
        let culprit = self.culprit;
        let rules = &self.wall.after.rules;
        // A chain that accepts everything is a tool of other rules, and not meant for a packet.
        let fits = |rule: &FirewallRule| {
            let ruling = Ruling::of(rule);
            !ruling.clauses.is_empty() && ruling.failing(&view).is_empty()
        };
        let mut found = Vec::new();
        let inner = rules.iter().filter(|rule| {
            rule.hook.is_none()
                && rule.backend == culprit.backend
                && (&rule.family, &rule.table) == (&culprit.family, &culprit.table)
                && rule.target.eq_ignore_ascii_case("accept")
                && fits(rule)
        });
        for rule in inner {
            let told = format!("the rule that accepts it (`{}`) stands in chain {}", rule.spec, rule.chain);
            let out = rules.iter().find(|other| {
                is_same_chain(other, rule)
                    && other.number < rule.number
                    && other.target.eq_ignore_ascii_case("return")
                    && Ruling::of(other).failing(&view).is_empty()
            });
            if !is_called(rules, rule) {
                let text = format!("{}: {told}, to which no rule leads", self.what_happened());
                let jump = if self.native() { "jump" } else { "-j" };
                let fix = self.insert(&format!("{jump} {}", typed(&rule.chain)));
                found.extend(fix.map(|fix| {
                    self.found(Cause::FirewallWrongChain, text, vec![fix], Tier::Named.close(), false)
                }));
            } else if let Some(out) = out {
                let text = format!(
                    "{}: {told} behind `{}`, which leads out of that chain before",
                    self.what_happened(),
                    out.spec
                );
                let at = Culprit::from(out);
                let fix = BlockedPacket { culprit: &at, ..*self }.insert(&Ruling::of(rule).typed());
                found.extend(fix.map(|fix| {
                    self.found(Cause::FirewallOrder, text, vec![fix], Tier::Named.close(), false)
                }));
            }
        }
        found
    }

    /// Suspects a refused command that would have accepted the packet.
    pub fn refused(&self) -> Vec<Suspicion> {
        let view = self.view();
        let of_here =
            refused::rules(self.evidence.lab_commands).into_iter().filter(|one| one.ns == self.wall.netns);
        let mut found = Vec::new();
        for one in of_here {
            let ours = match (&one.corrected, one.chain.as_deref()) {
                (Some(spec), Some(chain)) if !self.native() => {
                    chain == self.culprit.chain
                        && spec.contains("ACCEPT")
                        && Ruling::read(spec).failing(&view).is_empty()
                }
                _ => continue,
            };
            if ours && let Some(fix) = &one.fix {
                let text = format!(
                    "{}: the rule that was to accept it was refused: `{}` said `{}`",
                    self.what_happened(),
                    one.command,
                    one.words
                );
                let fix = vec![self.netns.exec(fix)];
                found.push(self.found(Cause::FirewallRuleRefused, text, fix, Tier::Named.exact(), false));
            }
        }
        found
    }

    /// Suspects accepting rules in a chain that the packet does not go through.
    pub fn wrong_chain(&self) -> Vec<Suspicion> {
        let culprit = self.culprit;
        let view = self.view();
        let hooks = ["input", "output", "forward"];
        let elsewhere = self.wall.after.rules.iter().filter(|rule| {
            let hook = rule.hook.as_deref().unwrap_or_default();
            is_accept(rule)
                && !rule.policy
                && rule.backend == culprit.backend
                && (&rule.family, &rule.table) == (&culprit.family, &culprit.table)
                && rule.hook != culprit.hook
                && hooks.contains(&hook)
                && culprit.hook.as_deref().is_some_and(|hook| hooks.contains(&hook))
        });
        let mut found = Vec::new();
        for rule in elsewhere {
            let ruling = Ruling::of(rule);
            let says_something = ruling
                .clauses
                .iter()
                .any(|clause| matches!(clause.of, Of::Src | Of::Dst | Of::Dport | Of::Icmp | Of::Proto));
            if view.reply || !says_something || !ruling.failing(&view).is_empty() {
                continue;
            }
            let why = match (culprit.hook.as_deref(), rule.hook.as_deref()) {
                (Some("forward"), _) => "packets that are only passed on go by the forward chain alone",
                (Some("input"), _) => "packets for this host itself go by the input chain",
                _ => "packets that this host sends go by the output chain",
            };
            let text = format!(
                "{}: the rule that accepts it (`{}`) stands in chain {}, and {why}",
                self.what_happened(),
                rule.spec,
                rule.chain
            );
            let fix = self.insert(&self.on_this_way(&ruling));
            found.extend(fix.map(|fix| {
                self.found(Cause::FirewallWrongChain, text, vec![fix], Tier::Named.plain(), false)
            }));
        }
        found
    }

    /// Suspects accepting rules that stand behind the rule that drops the packet.
    pub fn behind(&self) -> Vec<Suspicion> {
        let view = self.view();
        let mut found = Vec::new();
        for rule in self.rules().filter(|rule| is_accept(rule)) {
            let ruling = Ruling::of(rule);
            let behind = self.culprit.number.is_some() && rule.number > self.culprit.number;
            if !behind || ruling.clauses.is_empty() || !ruling.failing(&view).is_empty() {
                continue;
            }
            let text = format!(
                "{}: the rule that accepts it (`{}`) stands behind, and the first match wins",
                self.what_happened(),
                rule.spec
            );
            let fix = self.insert(&ruling.typed());
            let one = |fix| self.found(Cause::FirewallOrder, text, vec![fix], Tier::Named.close(), false);
            // Before that rule, it is also before others that refuse.
            let narrower = self.narrower(&[Width::Way, Width::Ends]);
            found.extend(fix.map(one).map(|mut one| {
                one.suspect.narrower = narrower;
                one
            }));
        }
        found
    }

    /// Suspects an element of an nftables set that is there or missing by mistake.
    pub fn element(&self) -> Vec<Suspicion> {
        let packet = &self.stop.packet;
        let Culprit { family, table, .. } = self.culprit;
        let view = self.view();
        let mut found = Vec::new();
        if !self.native() {
            found.extend(self.ipset());
            return found;
        }
        let own = Ruling::of_culprit(self.culprit);
        let accepts = self.rules().filter(|rule| is_accept(rule)).map(|rule| (false, Ruling::of(rule)));
        for (drops, ruling) in [(true, own)].into_iter().chain(accepts) {
            for clause in &ruling.clauses {
                let Some(set) = clause.value.strip_prefix('@') else { continue };
                let others = ruling.failing(&view).len() > 1;
                let value = match clause.of {
                    Of::Src => packet.src.map(|ip| ip.to_string()),
                    Of::Dst => packet.dst.map(|ip| ip.to_string()),
                    // The port of a reply's receiver is for one connection only.
                    Of::Dport if view.reply => None,
                    Of::Dport => packet.dport.map(|port| port.to_string()),
                    _ => None,
                };
                let (Some(value), false) = (value, others) else { continue };
                // The element causes the drop, or its lack prevents the accept.
                let verb = if drops != clause.not { "delete" } else { "add" };
                let is = if drops != clause.not { "is" } else { "is not" };
                let text = format!("{}: {value} {is} in the set {set}", self.what_happened());
                let fix = nft_command(&format!("{verb} element {family} {table} {set} {{ {value} }}"));
                let fix = vec![self.netns.exec(&fix)];
                let mut one = self.found(Cause::FirewallSet, text, fix, Tier::Named.close(), false);
                // A member of a set that is dropped was put there.
                if drops {
                    one.suspect.narrower = self.narrower(&[Width::Ends]);
                }
                found.push(one);
            }
        }
        found
    }

    /// Suspects an address that is missing in an ipset whose members a rule accepts.
    fn ipset(&self) -> Option<Suspicion> {
        let view = self.view();
        let mut accepting = self.rules().filter(|rule| is_accept(rule) && is_before(rule, self.culprit));
        let (set, ip) = accepting.find_map(|rule| {
            let ruling = Ruling::of(rule);
            let [clause] = ruling.failing(&view)[..] else { return None };
            let (set, side) = clause.value.split_once(' ').filter(|_| !clause.not)?;
            let ip = if side == "src" { view.packet.src? } else { view.packet.dst? };
            Some((set.to_string(), ip))
        })?;
        let text = format!("{}: {ip} is not in the set {set} (ipset)", self.what_happened());
        let fix = self.netns.exec(&format!("ipset add {} {ip}", typed(&set)));
        Some(self.found(Cause::FirewallSet, text, vec![fix], Tier::Named.close(), false))
    }

    /// Tells whether the chain accepts by the state of connections.
    pub fn knows_states(&self) -> bool {
        let states = |rule: &FirewallRule| {
            is_accept(rule) && Ruling::of(rule).clauses.iter().any(|clause| clause.of == Of::State)
        };
        self.rules().any(states)
    }

    /// Suspects NOTRACK, conntrack zones and timeouts because of which a reply is not
    /// known as one.
    pub fn untracked(&self) -> Vec<Suspicion> {
        if !self.knows_states() {
            return Vec::new();
        }
        let says = |rule: &&FirewallRule| {
            let spec = rule.spec.to_lowercase();
            !rule.policy && (spec.contains("notrack") || spec.contains("zone"))
        };
        let mut found = Vec::new();
        let v6 = self.stop.packet.src.is_some_and(|src| src.is_ipv6());
        let key = format!("net.netfilter.nf_conntrack_{}_timeout", if v6 { "icmpv6" } else { "icmp" });
        if self.stop.packet.icmp.is_some() && self.space.switch(&key) == Some(0) {
            let ns = &self.wall.netns;
            let text = format!(
                "{}: it is not known as part of a connection, because {key}=0 deletes its entry before the answer comes",
                self.what_happened()
            );
            let fix = vec![self.evidence.sysctl(ns, &key, "30")];
            found.push(self.found(Cause::ConntrackNotrack, text, fix, Tier::Named.exact(), false));
        }
        for rule in self.wall.after.rules.iter().filter(says) {
            let zone = rule.spec.to_lowercase().contains("zone");
            let text = format!(
                "{}: it is not known as part of a connection, because a rule of chain {} in table {} (`{}`) {}",
                self.what_happened(),
                rule.chain,
                rule.table,
                rule.spec,
                match zone {
                    true => "keeps track of one direction in another conntrack zone than of the other",
                    false => "has one direction of it not tracked (NOTRACK)",
                }
            );
            let culprit = Culprit { number: rule.number, ..Culprit::from(rule) };
            let fix = vec![culprit.delete_command(self.netns)];
            let id = if zone { Cause::ConntrackZone } else { Cause::ConntrackNotrack };
            found.push(self.found(id, text, fix, Tier::Named.exact(), false));
        }
        found
    }
}

/// Tells whether the value of a condition is a slip for another one. An address of a wholly
/// other network is none: its rule is for somebody else.
fn is_slip(clause: &Clause, meant: &str) -> bool {
    let (Some(has), Some(meant)) = (Net::parse(&clause.value), Net::parse(meant)) else { return true };
    resembles(has.ip, meant.ip)
}

/// Tells whether two rules stand in one chain.
fn is_same_chain(one: &FirewallRule, other: &FirewallRule) -> bool {
    let of =
        |rule: &FirewallRule| (rule.backend, rule.family.clone(), rule.table.clone(), rule.chain.clone());
    !one.policy && !other.policy && of(one) == of(other)
}

/// Tells whether a packet reaches a rule before the culprit.
fn is_before(rule: &FirewallRule, culprit: &Culprit) -> bool {
    culprit.policy || rule.number < culprit.number
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::FirewallNearMiss,
        title: "a rule accepts almost this packet, and differs by a slip",
        symptom: "Silence or a refusal, although there is a rule that lets this pass.",
        cause: "One word of the rule does not fit the packet: an interface, address, port or protocol that is not there, or is the other end's.",
        evidence: "Compare the rule that accepts with the packet, word by word:\n  ip netns exec NS iptables -S\n  ip netns exec NS nft -a list ruleset",
        cure: "Add the rule as it was meant, and take the wrong one away:\n  ip netns exec NS iptables -I CHAIN RULE -j ACCEPT\n  ip netns exec NS iptables -D CHAIN WRONG",
    },
    Page {
        id: Cause::FirewallRuleRefused,
        title: "the rule that would let it pass was refused",
        symptom: "Silence, and an error of iptables or nft earlier that nobody has read.",
        cause: "The command has failed, so that the rule is not there. `--dport` wants `-p tcp` or `-p udp` before it, a name has a slip, or an option is of another chain.",
        evidence: "The rule is not in the list:\n  ip netns exec NS iptables -S\n  ip netns exec NS nft -a list ruleset",
        cure: "Say it rightly:\n  ip netns exec NS iptables -A CHAIN -p tcp --dport PORT -j ACCEPT",
    },
    Page {
        id: Cause::FirewallWrongChain,
        title: "a rule that would let it pass stands in a chain that it does not meet",
        symptom: "Silence, and the counter of the rule that ought to accept stays 0.",
        cause: "Packets to the namespace itself meet INPUT, its own OUTPUT, and those that it passes on FORWARD alone.",
        evidence: "Which counters grow while you ping?\n  ip netns exec NS iptables -vnL\n  ip netns exec NS nft list ruleset",
        cure: "Put the rule in the chain that the packet meets:\n  ip netns exec NS iptables -I FORWARD RULE -j ACCEPT",
    },
    Page {
        id: Cause::FirewallOrder,
        title: "the rule that accepts stands behind the one that drops",
        symptom: "Silence, although the rule that lets this pass is in the right chain.",
        cause: "The first rule that fits decides, and `-A` puts a rule at the end.",
        evidence: "Look at the order, not only at the rules:\n  ip netns exec NS iptables -nL CHAIN --line-numbers",
        cure: "Put it before the other:\n  ip netns exec NS iptables -I CHAIN NUMBER RULE -j ACCEPT",
    },
    Page {
        id: Cause::FirewallSet,
        title: "an address is, or is not, in the set that a rule looks into",
        symptom: "Some get through, others do not, by their address or port.",
        cause: "The rule is right, and an element of its set is wrong or missing.",
        evidence: "Is it there?\n  ip netns exec NS nft list sets",
        cure: "Change the set, not the rule:\n  ip netns exec NS nft add element FAMILY TABLE SET { ADDR }\n  ip netns exec NS nft delete element FAMILY TABLE SET { ADDR }",
    },
    Page {
        id: Cause::ConntrackNotrack,
        title: "an answer is not known as one, because nobody keeps track of it",
        symptom: "The request passes, the answer is dropped where `ESTABLISHED` is accepted.",
        cause: "A rule with NOTRACK (`-j CT --notrack`) in the table raw takes the request out of connection tracking.",
        evidence: "A rule in the table raw, and no entry:\n  ip netns exec NS iptables -t raw -S\n  ip netns exec NS conntrack -L",
        cure: "Delete that rule:\n  ip netns exec NS iptables -t raw -D CHAIN RULE",
    },
    Page {
        id: Cause::ConntrackZone,
        title: "an answer is looked up in another zone than its request",
        symptom: "The request passes, the answer is dropped where `ESTABLISHED` is accepted.",
        cause: "A rule puts one direction in a conntrack zone of its own. Each zone knows its own connections only.",
        evidence: "A rule with `--zone`, and an entry with `zone=`:\n  ip netns exec NS iptables -t raw -S\n  ip netns exec NS conntrack -L",
        cure: "Delete that rule, or have it act on both directions:\n  ip netns exec NS iptables -t raw -D CHAIN RULE",
    },
];
