//! Firewall rules and policies that have stopped the packet, and the rules that should
//! have accepted it.

use super::accept::Width;
use super::page::Page;
use super::rank::{Rank, Tier};
use super::tproxy::is_tproxy;
use super::{Suspicion, suspect};
use crate::event::Passed;
use crate::net::survey::Space;
use crate::net::{Backend, Culprit, FirewallRule, NetnsName, Sighting, StepVerdict, Stop, TracedPacket};
use crate::why::Cause;
use crate::why::command::ruling::{Of, Ruling, View};
use crate::why::evidence::Evidence;
use crate::why::look::shot::Wall;

/// Suspects the rules and policies that the kernel's trace and counters name.
pub(super) fn find(evidence: &Evidence) -> Vec<Suspicion> {
    blocked(evidence, |_, _| true)
}

/// Suspects the rules and policies that stopped packets, if these matter.
pub(super) fn blocked(evidence: &Evidence, matters: impl Fn(&Space, &Stop) -> bool) -> Vec<Suspicion> {
    let mut found = Vec::new();
    for wall in &evidence.shot.walls {
        let (Some(netns), Some(space)) = (evidence.netns(&wall.netns), evidence.survey.space(&wall.netns))
        else {
            continue;
        };
        let mut known: Vec<Culprit> = Vec::new();
        for stop in wall.stops() {
            let Some(culprit) = &stop.culprit else { continue };
            let is_known = known.contains(culprit);
            if is_known || is_chatter(&stop.packet) || is_tproxy(culprit) || !matters(space, &stop) {
                continue;
            }
            known.push(culprit.clone());
            found.extend(
                BlockedPacket { evidence, wall, netns: &netns, space, stop: &stop, culprit }.suspects(),
            );
        }
        for culprit in wall.culprits() {
            // Counters alone do not tell which packet was stopped.
            if !known.contains(&culprit) && wall.stops().is_empty() && !is_tproxy(&culprit) {
                let stop = nameless(&culprit);
                let packet =
                    BlockedPacket { evidence, wall, netns: &netns, space, stop: &stop, culprit: &culprit };
                found.extend(matters(space, &stop).then(|| packet.suspects()).into_iter().flatten());
            }
        }
    }
    found
}

fn nameless(culprit: &Culprit) -> Stop {
    Stop {
        id: 0,
        packet: TracedPacket::default(),
        hook: culprit.hook.clone(),
        iif: None,
        oif: None,
        culprit: Some(culprit.clone()),
    }
}

/// Tells whether a packet is background traffic: group reports (IGMP, MLD), router
/// discovery, or duplicate address detection.
fn is_chatter(packet: &TracedPacket) -> bool {
    let asks_for_itself = packet.src.is_some_and(|src| src.is_unspecified());
    let to_a_group = packet.dst.is_some_and(|dst| dst.is_multicast());
    packet.proto == Some(2)
        // A report on groups (RFC 3810) has a header of hop-by-hop options.
        || packet.proto == Some(0) && to_a_group
        || packet
            .icmp
            .is_some_and(|icmp| matches!(icmp.kind, 130..=134 | 143) || icmp.kind == 135 && asks_for_itself)
}

/// A packet that was stopped, and the rule or policy that stopped it.
pub(super) struct BlockedPacket<'a> {
    pub evidence: &'a Evidence<'a>,
    pub wall: &'a Wall,
    pub netns: &'a NetnsName,
    pub space: &'a Space,
    pub stop: &'a Stop,
    pub culprit: &'a Culprit,
}

impl BlockedPacket<'_> {
    fn suspects(&self) -> Vec<Suspicion> {
        let mut found = Vec::new();
        let catches_all = self.culprit.policy || self.catches_all();
        if catches_all {
            found.extend(self.untracked());
            found.extend(self.let_out_by_another());
            found.extend(self.near_miss());
            found.extend(self.refused());
            found.extend(self.reversed());
            // A rule that was made for another chain may accept more in this one.
            for mut one in self.wrong_chain().into_iter().chain(self.uncalled()) {
                one.suspect.narrower = self.narrower(&[Width::Way, Width::Ends]);
                found.push(one);
            }
        }
        found.extend(self.behind());
        found.extend(self.element());
        found.extend(self.nothing_to_hide_behind());
        if catches_all && let Some(accept) = self.accept(Width::Way) {
            let only = if self.knows_states() && !self.view().reply {
                "; packets of established connections are accepted, and this one begins a new connection"
            } else if self.knows_states() {
                "; packets of established connections are accepted, and this one is not known to belong to any"
            } else if self.view().reply {
                ", and nothing lets back what belongs to a connection (ESTABLISHED, RELATED)"
            } else {
                ""
            };
            let text = format!("{}: no rule accepts it there{only}{}", self.what_happened(), self.more());
            let id = if self.culprit.policy { Cause::FirewallPolicy } else { Cause::FirewallRule };
            let mut one = self.found(id, text, vec![accept], Tier::Named.plain(), true);
            one.suspect.narrower = self.narrower(&[Width::Ends]);
            found.push(one);
        } else {
            let text = format!("{}{}", self.what_happened(), self.more());
            let delete = self.culprit.delete_command(self.netns);
            // A packet is invalid to conntrack for a reason, such as a request that went
            // another way.
            let invalid = self.culprit.spec.to_lowercase().contains("invalid");
            let came = |seen: &Sighting| {
                seen.netns == self.wall.netns && self.evidence.shot.passed(seen) == Some(Passed::Request)
            };
            let text = match invalid && self.view().reply && !self.evidence.shot.sightings.iter().any(came) {
                true => format!(
                    "{text}; the request went another way, so {} has never seen it and takes the reply for INVALID",
                    self.wall.netns
                ),
                false => text,
            };
            let (id, tier) = match invalid {
                // That reason is usually the cause, not this rule.
                true => (Cause::FirewallInvalid, Tier::OnTheWay),
                false => (Cause::FirewallRule, Tier::Named),
            };
            // An exception to a rule that is there on purpose.
            let exception = self.accept(Width::Ends).filter(|_| self.is_on_purpose());
            let mut one = self.found(id, text, vec![exception.unwrap_or(delete)], tier.plain(), !invalid);
            if self.is_indirect() {
                one.suspect.narrower = self.narrower(&[Width::Way, Width::Ends]);
            }
            found.push(one);
        }
        found
    }

    pub fn found(&self, id: Cause, text: String, fix: Vec<String>, rank: Rank, sure: bool) -> Suspicion {
        let mut suspect =
            suspect(id, format!("{}: chain {}", self.wall.netns, self.culprit.chain), text, fix);
        suspect.evidence = vec![self.culprit.show_command(self.netns)];
        Suspicion { rank, sure, suspect }
    }

    pub fn view(&self) -> View<'_> {
        View {
            packet: &self.stop.packet,
            iif: self.stop.iif.as_deref(),
            oif: self.stop.oif.as_deref(),
            reply: self.is_reply(),
        }
    }

    /// Tells whether the packet is a reply, not a request.
    fn is_reply(&self) -> bool {
        let packet = &self.stop.packet;
        match (packet.icmp, packet.sport, packet.dport) {
            (Some(icmp), ..) => !matches!(icmp.kind, 8 | 128 | 133..=136),
            // A client takes an ephemeral port, above those of services; Linux begins at
            // 32768.
            (_, Some(from), Some(to)) => from < 32768 && to >= 32768,
            _ => false,
        }
    }

    /// Describes the packet.
    fn packet(&self) -> String {
        let packet = &self.stop.packet;
        let what = match (packet.arp, packet.icmp, packet.proto) {
            (Some(1), ..) => "the ARP question".to_string(),
            (Some(_), ..) => "the ARP answer".into(),
            _ if packet.is_later_fragment => "a fragment (not the first one)".into(),
            (_, Some(icmp), _) => match icmp.kind {
                8 | 128 => "the echo request".into(),
                0 | 129 => "the echo reply".into(),
                135 => "the neighbour solicitation (IPv6's ARP question)".into(),
                136 => "the neighbour advertisement (IPv6's ARP answer)".into(),
                3 if icmp.code == 4 => "the ICMP error `fragmentation needed`".into(),
                kind => format!("the ICMP message of type {kind}"),
            },
            (_, _, Some(6)) => match self.is_reply() {
                true => format!("the TCP answer from port {}", packet.sport.unwrap_or_default()),
                false => format!("the TCP connection to port {}", packet.dport.unwrap_or_default()),
            },
            (_, _, Some(17)) => match packet.dport {
                Some(53) => "the DNS question (UDP port 53)".into(),
                Some(67) => "the DHCP question (UDP port 67)".into(),
                Some(68) => "the DHCP answer (UDP port 68)".into(),
                Some(port) if self.is_reply() => {
                    format!("the UDP answer from port {}", packet.sport.unwrap_or(port))
                }
                Some(port) => format!("the UDP packet to port {port}"),
                None => "the UDP packet".into(),
            },
            (_, _, Some(50)) => "the ESP packet (IPsec)".into(),
            (_, _, Some(proto)) => format!("the packet of protocol {proto}"),
            _ => "the packet".into(),
        };
        match (packet.src, packet.dst) {
            (Some(src), Some(dst)) => format!("{what} {src} → {dst}"),
            _ => what,
        }
    }

    /// Names the chain, with its tool or table.
    fn chain(&self) -> String {
        let Culprit { family, table, chain, backend, .. } = self.culprit;
        match backend {
            Backend::Nft => format!("nft chain {family} {table} {chain}"),
            backend if table == "filter" => format!("{} chain {chain}", backend.tool(family)),
            backend => format!("{} chain {chain} of table {table}", backend.tool(family)),
        }
    }

    pub fn what_happened(&self) -> String {
        let (netns, chain, packet) = (&self.wall.netns, self.chain(), self.packet());
        let by = match (&self.stop.iif, &self.stop.oif) {
            (Some(iif), Some(oif)) => format!(" ({iif} → {oif})"),
            (Some(iif), None) => format!(" (in by {iif})"),
            (None, Some(oif)) => format!(" (out by {oif})"),
            _ => String::new(),
        };
        let culprit = self.culprit;
        match culprit.policy {
            true => format!("the policy DROP of {chain} in {netns} drops {packet}{by}"),
            false => {
                let rejects = culprit.spec.to_uppercase().contains("REJECT");
                let does = match culprit.verdict {
                    _ if rejects => "rejects",
                    _ if culprit.family == "netdev" && culprit.spec.contains("fwd") => {
                        "sends to another interface"
                    }
                    StepVerdict::Queue => "hands to a program that isn't there",
                    _ => "drops",
                };
                let number = culprit.number.map_or_else(String::new, |number| format!(" {number}"));
                format!("rule{number} of {chain} in {netns} (`{}`) {does} {packet}{by}", culprit.spec)
            }
        }
    }

    /// Returns facts about the culprit that are easy to overlook.
    fn more(&self) -> String {
        let culprit = self.culprit;
        let mut more = String::new();
        let rules = &self.wall.after.rules;
        let has = |backend: Backend| rules.iter().any(|rule| rule.backend == backend && !rule.policy);
        if culprit.backend == Backend::IptablesLegacy {
            more +=
                "; `iptables -L` does not show it where it speaks to nf_tables, `iptables-legacy -L` does";
            if has(Backend::IptablesNft) {
                more += ": both are active, and each drops for itself";
            }
        } else if culprit.backend == Backend::IptablesNft && has(Backend::IptablesLegacy) {
            more += "; rules of iptables-legacy are active beside it, and what these accept can still be dropped here";
        } else if culprit.backend == Backend::Nft && rules.iter().any(|rule| rule.backend != Backend::Nft) {
            more += "; `iptables -L` does not show it, `nft list ruleset` does";
        }
        more += &self.marked_by().unwrap_or_default();
        more += &self.writer().unwrap_or_default();
        // An accepting rule before it may have used up its rate limit.
        let limited = self.rules().find(|rule| {
            let before = culprit.policy || rule.number < culprit.number;
            let ruling = Ruling::of(rule);
            let others = ruling.failing(&self.view()).iter().any(|clause| clause.of != Of::Other);
            before && is_accept(rule) && rule.spec.contains("limit") && !others
        });
        if let Some(rule) = limited {
            more +=
                &format!("; the rule that accepts it has a rate limit, which is used up (`{}`)", rule.spec);
        }
        // DNAT turns a packet for this host into a forwarded one.
        let forwarded = culprit.hook.as_deref() == Some("forward") && !self.is_reply();
        let dnat = rules.iter().find(|rule| forwarded && rule.target.to_uppercase() == "DNAT");
        if let Some(rule) =
            dnat.filter(|rule| self.stop.packet.dst.is_some_and(|dst| rule.spec.contains(&dst.to_string())))
        {
            more += &format!(
                "; it goes there by DNAT (`{}`), and what DNAT sends on has to be accepted by the forward chain as well",
                rule.spec
            );
        }
        // An earlier base chain of the same hook has accepted it.
        let accepted = self.wall.steps.iter().find(|step| {
            let chain = (&step.family, &step.table, &step.chain);
            let at = rules.iter().find(|rule| {
                rule.policy && (&rule.family, &rule.table, &rule.chain) == chain && rule.hook == culprit.hook
            });
            step.id == self.stop.id
                && step.verdict == StepVerdict::Accept
                && at.is_some()
                && chain != (&culprit.family, &culprit.table, &culprit.chain)
                && step.handle.is_some()
        });
        if let Some(step) = accepted {
            more += &format!(
                "; chain {} {} {} has accepted it before, but an accept is final only in its own base chain",
                step.family, step.table, step.chain
            );
        }
        match culprit.table.as_str() {
            "raw" | "mangle" | "security" if culprit.backend != Backend::Nft => {
                more += &format!(
                    "; {} -L does not show it without -t {}",
                    culprit.backend.tool(&culprit.family),
                    culprit.table
                );
            }
            _ => {}
        }
        more
    }

    /// Tells whether the rule bars all but some, or stands in a chain that is for people's own
    /// rules.
    fn is_on_purpose(&self) -> bool {
        let ruling = Ruling::of_culprit(self.culprit);
        let own = ["DOCKER-USER", "ufw-user-", "f2b-"];
        ruling.clauses.iter().any(|clause| clause.not && matches!(clause.of, Of::Src | Of::Dst))
            || own.iter().any(|chain| self.culprit.chain.starts_with(chain))
    }

    /// Tells whether the rule stops packets for a reason that others decide: a mark, the
    /// members of a set, the owner of a socket. Such a rule serves them all, and is no slip.
    fn is_indirect(&self) -> bool {
        let ruling = Ruling::of_culprit(self.culprit);
        ruling.clauses.iter().any(|clause| clause.of == Of::Other || clause.value.starts_with('@'))
    }

    /// Names the rule that set the packet's mark, if the culprit looks at it.
    fn marked_by(&self) -> Option<String> {
        let spec = self.culprit.spec.as_str();
        if !spec.contains("mark ") || self.culprit.policy {
            return None;
        }
        let steps: Vec<_> = self.wall.steps.iter().filter(|step| step.id == self.stop.id).collect();
        let mark = steps.last()?.mark?;
        let at = steps.iter().position(|step| step.mark == Some(mark))?;
        let set = steps[at];
        let rule = self.wall.after.rules.iter().find(|rule| {
            rule.handle.is_some()
                && (&rule.family, &rule.table, &rule.chain, rule.handle)
                    == (&set.family, &set.table, &set.chain, set.handle)
        })?;
        let from = steps[..at].iter().rev().find(|step| step.chain != set.chain && step.table == set.table);
        let called = match from.filter(|_| rule.hook.is_none()) {
            Some(from) => format!(", which chain {} calls,", from.chain),
            None => String::new(),
        };
        Some(format!(
            "; its mark {mark:#x} was set by the rule `{}` of chain {}{called} in table {}",
            rule.spec, rule.chain, rule.table
        ))
    }

    pub fn native(&self) -> bool {
        self.culprit.backend == Backend::Nft
    }

    /// Tells whether the rule drops everything that reaches it.
    fn catches_all(&self) -> bool {
        let ruling = Ruling::of_culprit(self.culprit);
        let wide = |of: Of| matches!(of, Of::In | Of::Out);
        ruling.clauses.iter().all(|clause| wide(clause.of) || clause.not && clause.of != Of::State)
    }

    /// Returns the rules of the culprit's chain, without its policy.
    pub fn rules(&self) -> impl Iterator<Item = &FirewallRule> {
        let culprit = self.culprit;
        self.wall.after.rules.iter().filter(move |rule| {
            !rule.policy
                && rule.backend == culprit.backend
                && (&rule.family, &rule.table, &rule.chain)
                    == (&culprit.family, &culprit.table, &culprit.chain)
        })
    }
}

/// Tells whether a rule lets the packets that it matches pass.
pub(super) fn is_accept(rule: &FirewallRule) -> bool {
    !rule.policy && matches!(rule.target.as_str(), "ACCEPT" | "accept" | "RETURN" | "return")
}

/// The pages of the causes that this file finds.
pub(super) const PAGES: &[Page] = &[
    Page {
        id: Cause::FirewallRule,
        title: "a rule of a firewall stops the packet",
        symptom: "Silence with DROP; `Destination Port Unreachable`, `Packet filtered` or a refused connection with REJECT; `Operation not permitted` in one's own OUTPUT.",
        cause: "The first rule that fits decides. In nftables, what one chain accepts may still be dropped by another one at the same hook.",
        evidence: "Whose counter grows while you ping?\n  ip netns exec NS iptables-save -c\n  ip netns exec NS nft list ruleset",
        cure: "Delete the rule, or put one that accepts before it:\n  ip netns exec NS iptables -D CHAIN RULE\n  ip netns exec NS nft delete rule FAMILY TABLE CHAIN handle NUMBER",
    },
    Page {
        id: Cause::FirewallPolicy,
        title: "no rule lets the packet pass, and the chain's policy is DROP",
        symptom: "Silence: the packet is seen at the interface and goes no further.",
        cause: "What no rule decides, the policy of the chain does. Packets to oneself meet INPUT, one's own OUTPUT, those of others FORWARD. With `bridge-nf-call-iptables=1`, what a bridge passes on meets FORWARD too.",
        evidence: "`policy DROP` in the chain's first line:\n  ip netns exec NS iptables -S\n  ip netns exec NS nft list chains",
        cure: "Let pass what is meant, there and back, or change the policy:\n  ip netns exec NS iptables -A FORWARD RULE -j ACCEPT\n  ip netns exec NS iptables -P FORWARD ACCEPT",
    },
    Page {
        id: Cause::FirewallInvalid,
        title: "the packet is dropped because it belongs to no connection",
        symptom: "Silence for answers only, or for one direction of several ways.",
        cause: "Connection tracking has not seen the beginning, as where requests and answers take different ways, and calls the packet invalid.",
        evidence: "Is the connection known, and do both directions come by here?\n  ip netns exec NS conntrack -L\n  ip netns exec NS tcpdump -ni any",
        cure: "Have both directions take the same way, or don't drop what is invalid:\n  ip netns exec NS iptables -D CHAIN -m conntrack --ctstate INVALID -j DROP",
    },
];
