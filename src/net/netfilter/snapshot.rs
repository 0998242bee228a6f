//! All the rules that a packet may pass in a namespace, in every backend, with
//! their counters.
//!
//! nf_tables is read over netlink. Rules that iptables, ebtables or arptables
//! have made in it are also given in their own words, as their `-save` prints
//! them. The legacy tables in the kernel, outside nf_tables, are listed by their
//! own tools.

use super::backend::Backend;
use super::part::RulePart;
use super::ruleset;
use super::ruleset::{Chain, Spoken, counted, family_name};
use super::saved::Saved;
use super::set::Set;
use super::trace::{StepKind, StepVerdict, TABLE, TraceStep};
use super::{Culprit, expression, iptables, old};
use crate::net::kernel::Kernel;
use crate::net::kernel::nfnetlink::{find, number, text};
use crate::net::{Family, NetError, Netns, Network};
use serde::{Deserialize, Serialize};

/// The prefix of the kernel's names for chains without a name.
const ANONYMOUS: &str = "__chain";

/// The counters of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The number of packets.
    pub packets: u64,
    /// The number of their bytes.
    pub bytes: u64,
}

/// A rule, or the policy of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallRule {
    /// The backend that keeps it.
    pub backend: Backend,
    /// `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The chain's hook; `None` for a chain that others call.
    pub hook: Option<String>,
    /// The chain's priority, if it is in nf_tables.
    pub priority: Option<i32>,
    /// The chain's interfaces, if it is bound to some.
    pub devices: Vec<String>,
    /// Whether it is the chain's policy.
    pub policy: bool,
    /// Its number in the chain, from 1; `None` for a policy.
    pub number: Option<usize>,
    /// The handle by which nft deletes it.
    pub handle: Option<u64>,
    /// The words after `-A CHAIN`, or nft's words; for a policy, its name.
    pub spec: String,
    /// nft's words, if it is in nf_tables.
    pub words: Option<String>,
    /// The parts of `spec`, if these are nft's words and no policy.
    pub parts: Vec<RulePart>,
    /// Its action: `DROP`, `drop`, `REJECT`, `jump x`; empty if it only counts.
    pub target: String,
    /// Its counters, if it has some.
    pub counters: Option<Counters>,
}

/// All rules and policies of a namespace, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallSnapshot {
    /// The rules and policies; the rules of a chain follow its policy.
    pub rules: Vec<FirewallRule>,
}

/// The elements of a set of nf_tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::net) struct SetElements {
    pub name: String,
    /// The first and the last value of each element, in the kernel's form.
    pub spans: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Network {
    /// Reads all rules and policies of a namespace, with their counters.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or an installed tool does not answer.
    pub fn firewall_snapshot(&self, netns: &Netns) -> Result<FirewallSnapshot, NetError> {
        let kernel = self.look()?;
        // These programs only read, and leave nothing behind.
        let programs = self.pending.programs.get();
        let rules = kernel.rules_everywhere(netns, true);
        self.pending.programs.set(programs);
        Ok(FirewallSnapshot { rules: rules? })
    }

    /// Reads the rules again after an earlier snapshot `before`. The tools'
    /// words for rules in nf_tables are taken from there, so that the tools need
    /// not run again.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or an installed tool does not answer.
    pub fn firewall_recount(
        &self,
        netns: &Netns,
        before: &FirewallSnapshot,
    ) -> Result<FirewallSnapshot, NetError> {
        let kernel = self.look()?;
        let programs = self.pending.programs.get();
        let rules = kernel.rules_everywhere(netns, false);
        self.pending.programs.set(programs);
        let again = |rule: FirewallRule| match before.rules.iter().find(|known| known.is_same(&rule)) {
            Some(known) => FirewallRule { counters: rule.counters, ..known.clone() },
            None => rule,
        };
        Ok(FirewallSnapshot { rules: rules?.into_iter().map(again).collect() })
    }

    /// Reads only the legacy rules, outside nf_tables. Nothing else must be
    /// known before packets are traced: rules in nf_tables can be looked up
    /// afterwards. Fast if there are none.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted, or an installed tool does not answer.
    pub fn legacy_snapshot(&self, netns: &Netns) -> Result<FirewallSnapshot, NetError> {
        let kernel = self.look()?;
        let programs = self.pending.programs.get();
        let rules = old::rules(&kernel, netns);
        self.pending.programs.set(programs);
        Ok(FirewallSnapshot { rules: rules? })
    }

    /// The rules of iptables, in its words. They are formatted here if all rules
    /// of a table are supported here; otherwise by iptables, if it is installed
    /// and `ask` is set.
    fn saved_of_iptables<'a>(
        &self,
        netns: &Netns,
        family: &str,
        chains: impl Iterator<Item = &'a (Chain, Vec<Spoken>)> + Clone,
        ask: bool,
    ) -> Result<Vec<Saved>, NetError> {
        let known = if family == "ip6" { Family::Inet6 } else { Family::Inet };
        let mut told = iptables::tell(known, chains);
        if ask && !told.unknown.is_empty() {
            let saved = self.saved(netns, Backend::IptablesNft, family)?;
            told.saved.extend(saved.into_iter().filter(|one| told.unknown.contains(&one.table)));
        }
        Ok(told.saved)
    }
}

impl Kernel<'_> {
    /// The elements of all named sets of nf_tables. A rule has only the name of its
    /// set.
    ///
    /// # Errors
    ///
    /// If the namespace was deleted.
    pub(in crate::net) fn set_elements(&self, netns: &Netns) -> Result<Vec<SetElements>, NetError> {
        let Ok(socket) = self.netfilter(netns) else { return Ok(Vec::new()) };
        let spans = |set: &Set| set.spans().into_iter().map(|(first, last)| (first.to_vec(), last)).collect();
        // A kernel without nf_tables has no sets.
        let sets = ruleset::named_sets(&socket).unwrap_or_default();
        Ok(sets.iter().map(|set| SetElements { name: set.name.clone(), spans: spans(set) }).collect())
    }

    fn rules_everywhere(&self, netns: &Netns, ask: bool) -> Result<Vec<FirewallRule>, NetError> {
        let mut rules = Vec::new();
        // A kernel without nf_tables may have legacy tables.
        if let Ok(socket) = self.netfilter(netns)
            && let Ok(chains) = ruleset::spoken(&socket, || self.interfaces(netns))
        {
            for backend in [Backend::IptablesNft, Backend::ArptablesNft, Backend::EbtablesNft] {
                for family in backend.families() {
                    let of_family = |chain: &Chain| family_name(chain.family) == *family;
                    let saved = match backend {
                        Backend::IptablesNft => {
                            let own = chains.iter().filter(|(chain, _)| of_family(chain));
                            self.saved_of_iptables(netns, family, own, ask)?
                        }
                        _ => match ask
                            && chains.iter().any(|(chain, _)| of_family(chain) && backend.has(chain))
                        {
                            true => self.saved(netns, backend, family)?,
                            false => Vec::new(),
                        },
                    };
                    for (chain, spoken) in chains.iter().filter(|(chain, _)| of_family(chain)) {
                        add(&mut rules, chain, spoken, backend, &saved);
                    }
                }
            }
            let native = |chain: &Chain| matches!(family_name(chain.family).as_str(), "inet" | "netdev");
            for (chain, spoken) in chains.iter().filter(|(chain, _)| native(chain)) {
                add(&mut rules, chain, spoken, Backend::Nft, &[]);
            }
        }
        rules.extend(old::rules(self, netns)?);
        Ok(rules)
    }
}

impl FirewallRule {
    /// Tells whether a packet that reaches it goes no further.
    pub fn stops(&self) -> bool {
        let target = self.target.split_whitespace().next().unwrap_or_default();
        ["DROP", "REJECT", "QUEUE", "NFQUEUE", "TARPIT", "STOLEN"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(target))
    }

    /// Tells whether both are the same rule of nf_tables, in the words of any
    /// tool.
    fn is_same(&self, other: &Self) -> bool {
        !self.backend.is_old()
            && !other.backend.is_old()
            && (self.policy, self.handle) == (other.policy, other.handle)
            && (&self.family, &self.table, &self.chain) == (&other.family, &other.table, &other.chain)
    }

    /// Tells whether both are at the same place of the same chain.
    fn is_at(&self, other: &Self) -> bool {
        (self.backend, &self.family, &self.table, &self.chain, self.policy, self.number, self.handle)
            == (
                other.backend,
                &other.family,
                &other.table,
                &other.chain,
                other.policy,
                other.number,
                other.handle,
            )
    }
}

impl FirewallSnapshot {
    /// The rules and policies of `after` that have counted a packet since this
    /// snapshot.
    pub fn moved<'a>(&self, after: &'a Self) -> Vec<&'a FirewallRule> {
        let packets = |rule: &FirewallRule| rule.counters.map(|counters| counters.packets);
        let before =
            |rule: &FirewallRule| self.rules.iter().find(|known| known.is_at(rule)).and_then(packets);
        after.rules.iter().filter(|rule| packets(rule) > before(rule).or(Some(0))).collect()
    }

    /// The rule or policy of a trace step.
    pub fn rule_of(&self, step: &TraceStep) -> Option<&FirewallRule> {
        let policy = step.kind == StepKind::Policy;
        self.rules.iter().find(|rule| {
            rule.family == step.family
                && rule.table == step.table
                && rule.chain == step.chain
                && !rule.backend.is_old()
                && if policy { rule.policy } else { rule.handle.is_some() && rule.handle == step.handle }
        })
    }

    /// The rule that stopped the packet at a step; `None` if it went on.
    pub fn culprit_of(&self, step: &TraceStep) -> Option<Culprit> {
        let mut rule = self.rule_of(step).filter(|_| step.verdict.stops())?;
        // A chain within a rule (`jump { … }`) belongs to that rule, and can't
        // be changed by itself.
        while rule.chain.starts_with(ANONYMOUS) {
            let calls = |other: &&FirewallRule| {
                let to = other.target.strip_prefix("jump ").or_else(|| other.target.strip_prefix("goto "));
                other.family == rule.family && other.table == rule.table && to == Some(&rule.chain)
            };
            rule = self.rules.iter().find(calls)?;
        }
        Some(Culprit::new(rule, step.verdict.clone()))
    }

    /// The rules that stopped packets between this snapshot and `after`: those
    /// in the trace steps of nf_tables, and legacy rules whose counters grew.
    /// Each is listed once.
    pub fn culprits(&self, after: &Self, steps: &[TraceStep]) -> Vec<Culprit> {
        let mut culprits: Vec<Culprit> = Vec::new();
        let told = steps.iter().filter_map(|step| self.culprit_of(step).or_else(|| after.culprit_of(step)));
        let moved = self.moved(after).into_iter().filter(|rule| rule.backend.is_old() && rule.stops());
        let counted = moved.map(|rule| Culprit::new(rule, StepVerdict::Drop));
        for culprit in told.chain(counted) {
            if !culprits.contains(&culprit) {
                culprits.push(culprit);
            }
        }
        culprits
    }
}

/// Adds a chain's policy and rules, in the words of `backend` if it has them.
fn add(rules: &mut Vec<FirewallRule>, chain: &Chain, spoken: &[Spoken], backend: Backend, saved: &[Saved]) {
    if chain.table == TABLE {
        return;
    }
    let base = chain.base.as_ref();
    let rule = FirewallRule {
        backend: Backend::Nft,
        family: family_name(chain.family),
        table: chain.table.clone(),
        chain: chain.name.clone(),
        hook: base.map(|base| base.hook_name(chain.family).into()),
        priority: base.map(|base| base.priority),
        devices: base.map(|base| base.devices.clone()).unwrap_or_default(),
        policy: false,
        number: None,
        handle: None,
        spec: String::new(),
        words: None,
        parts: Vec::new(),
        target: String::new(),
        counters: None,
    };
    let named =
        saved.iter().find(|one| one.number.is_none() && one.table == chain.table && one.chain == chain.name);
    if let Some(base) = base {
        rules.push(FirewallRule {
            backend: if named.is_some() { backend } else { Backend::Nft },
            policy: true,
            spec: named.map_or_else(|| base.policy.clone(), |one| one.spec.clone()),
            words: Some(format!("policy {}", base.policy)),
            target: base.policy.clone(),
            counters: base.counted.map(Counters::from),
            ..rule.clone()
        });
    }
    let theirs: Vec<&Saved> = saved.iter().filter(|one| one.is_rule_of(&chain.table, &chain.name)).collect();
    // If the tool skips a rule, its rules cannot be matched to the kernel's.
    let all = theirs.len() == spoken.iter().filter(|one| !one.is_policy).count();
    for (index, one) in spoken.iter().enumerate() {
        let counters = counter(&one.expressions).map(Counters::from);
        // The tool lists a rule whether the tool itself or nft has added it.
        let saved = theirs.get(index).filter(|_| all && !one.is_policy);
        let own_policy = named.filter(|_| one.is_policy);
        let own = saved.copied().or(own_policy);
        rules.push(FirewallRule {
            backend: if own.is_some() { backend } else { Backend::Nft },
            policy: one.is_policy,
            number: (!one.is_policy).then_some(index + 1),
            handle: Some(one.handle),
            spec: own.map_or_else(|| one.words(), |saved| saved.spec.clone()),
            words: Some(one.words()),
            parts: if own.is_some() { Vec::new() } else { one.parts.clone() },
            target: match saved {
                Some(saved) => target_of_spec(&saved.spec),
                None => target(&one.expressions),
            },
            counters,
            ..rule.clone()
        });
    }
}

impl From<(u64, u64)> for Counters {
    fn from((packets, bytes): (u64, u64)) -> Self {
        Self { packets, bytes }
    }
}

/// The word after `-j` or `-g`.
pub(super) fn target_of_spec(spec: &str) -> String {
    let words = shell_words::split(spec).unwrap_or_default();
    let at = words.iter().position(|word| matches!(word.as_str(), "-j" | "-g" | "--jump" | "--goto"));
    at.and_then(|at| words.get(at + 1)).cloned().unwrap_or_default()
}

pub(super) fn counter(list: &[u8]) -> Option<(u64, u64)> {
    expression::read(list).find(|(name, _)| name == "counter").and_then(|(_, data)| counted(data))
}

/// The action of an nf_tables rule, in a word or two.
pub(super) fn target(list: &[u8]) -> String {
    let mut target = String::new();
    for (name, data) in expression::read(list) {
        let found = match name.as_str() {
            "immediate" => find(data, 2).and_then(|value| find(value, 2)).and_then(|verdict| {
                let code = number(verdict, 1)? as u32 as i32;
                Some(StepVerdict::of_code(code, text(verdict, 2)).to_string())
            }),
            "target" => text(data, 1),
            "reject" | "queue" | "masq" | "redir" | "tproxy" | "nat" | "log" | "notrack" => Some(name),
            // A verdict map.
            "lookup" if number(data, 3) == Some(0) => Some("vmap".into()),
            _ => None,
        };
        target = found.unwrap_or(target);
    }
    target
}
