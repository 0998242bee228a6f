//! The rule that stopped a packet, and the command that removes it.

use super::Backend;
use super::part::RulePart;
use super::snapshot::FirewallRule;
use super::tool::nft_command;
use super::trace::StepVerdict;
use crate::net::notation::typed::typed;
use crate::net::{NetnsName, typed_words};

/// The priority of connection tracking (`NF_IP_PRI_CONNTRACK`).
const CONNTRACK: i32 = -200;

/// A rule or a policy that stopped a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The backend that keeps it.
    pub backend: Backend,
    /// `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// Its number in the chain, from 1; `None` for a policy.
    pub number: Option<usize>,
    /// The handle by which nft deletes it.
    pub handle: Option<u64>,
    /// The words after `-A CHAIN`, or nft's words; for a policy, its name.
    pub spec: String,
    /// The parts of `spec`, if these are nft's words.
    pub parts: Vec<RulePart>,
    /// The verdict on the packet.
    pub verdict: StepVerdict,
    /// Whether it is the chain's policy.
    pub policy: bool,
    /// The chain's hook; `None` for a chain that others call.
    pub hook: Option<String>,
    /// The chain's priority, if it is in nf_tables.
    pub priority: Option<i32>,
}

/// Tells whether iptables fails to find a rule by its own printed form. For
/// these matches it prints a mask that nobody has typed, and compares it.
fn is_unlike_itself(spec: &str) -> bool {
    ["-m connlimit ", "-m recent "].iter().any(|of| spec.contains(of))
}

/// A rule or a policy that should be removed, whatever its verdict on a packet.
impl From<&FirewallRule> for Culprit {
    fn from(rule: &FirewallRule) -> Self {
        Self::new(rule, StepVerdict::Continue)
    }
}

impl Culprit {
    pub(super) fn new(rule: &FirewallRule, verdict: StepVerdict) -> Self {
        Self {
            backend: rule.backend,
            family: rule.family.clone(),
            table: rule.table.clone(),
            chain: rule.chain.clone(),
            number: rule.number,
            handle: rule.handle,
            spec: rule.spec.clone(),
            parts: rule.parts.clone(),
            verdict,
            policy: rule.policy,
            hook: rule.hook.clone(),
            priority: rule.priority,
        }
    }

    /// The command that deletes the rule, or sets the policy to accept, as one
    /// would type it.
    pub fn delete_command(&self, netns: &NetnsName) -> String {
        netns.exec(&match (self.backend, self.policy) {
            (Backend::Nft, false) => {
                let (table, chain) = (typed(&self.table), typed(&self.chain));
                let handle = self.handle.unwrap_or_default();
                format!("nft delete rule {} {table} {chain} handle {handle}", self.family)
            }
            (Backend::Nft, true) => {
                let chain = format!("{} {} {}", self.family, self.table, self.chain);
                nft_command(&format!("chain {chain} {{ policy accept; }}"))
            }
            (_, false) => {
                let rule = match self.number.filter(|_| is_unlike_itself(&self.spec)) {
                    Some(number) => number.to_string(),
                    None => as_typed(&self.spec),
                };
                format!("{} -D {} {rule}", self.tool(), typed(&self.chain))
            }
            (_, true) => format!("{} -P {} ACCEPT", self.tool(), typed(&self.chain)),
        })
    }

    /// Tells whether the chain comes after connection tracking, so that its rules may ask for
    /// the state of a connection.
    pub fn knows_connections(&self) -> bool {
        let tracked = match self.family.as_str() {
            "ip" | "ip6" | "inet" => self.table != "raw" && self.priority.is_none_or(|at| at > CONNTRACK),
            _ => false,
        };
        tracked && self.hook.as_deref() != Some("ingress")
    }

    /// The command that lists the chain of the rule.
    pub fn show_command(&self, netns: &NetnsName) -> String {
        netns.exec(&match self.backend {
            Backend::Nft => {
                let (table, chain) = (typed(&self.table), typed(&self.chain));
                format!("nft -a list chain {} {table} {chain}", self.family)
            }
            Backend::IptablesNft | Backend::IptablesLegacy => {
                format!("{} -S {}", self.tool(), typed(&self.chain))
            }
            _ => format!("{} -L {}", self.tool(), typed(&self.chain)),
        })
    }

    /// The tool, with the table unless it is the default one.
    pub fn tool(&self) -> String {
        let tool = self.backend.tool(&self.family);
        match self.table.as_str() {
            "filter" => tool,
            table => format!("{tool} -t {}", typed(table)),
        }
    }
}

/// A rule as its tool prints it, quoted for a shell. A lone `!` needs no quotes.
fn as_typed(spec: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " _-=/,.+:@%!".contains(c);
    match (spec.chars().all(plain), shell_words::split(spec)) {
        (false, Ok(words)) => typed_words(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        _ => spec.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(as_typed("! -s 10.0.0.1/32 -j DROP"), "! -s 10.0.0.1/32 -j DROP");
        assert_eq!(
            as_typed(r#"-m comment --comment "a \"$b\" c" -j X"#),
            r#"-m comment --comment 'a "$b" c' -j X"#
        );
    }
}
